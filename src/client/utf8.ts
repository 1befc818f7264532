import type { Frame } from './socket.ts';

/** Bytes of a frame, a text in UTF-8. Older versions of React Native have no `TextEncoder`. */
export function utf8Length(text: Frame): number {
  return new Blob([text]).size;
}

/** Whether a frame has more than `limit` bytes in UTF-8. */
export function isLonger(text: Frame, maxBytes: number): boolean {
  // no character has more than three bytes for each of its units
  return text.length * 3 > maxBytes && utf8Length(text) > maxBytes;
}
