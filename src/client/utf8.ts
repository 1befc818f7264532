/** Bytes of a text in UTF-8. React Native has no `TextEncoder`. */
export function utf8Length(text: string): number {
  return new Blob([text]).size;
}

/** Whether a text has more than `limit` bytes in UTF-8. */
export function isLonger(text: string, maxBytes: number): boolean {
  // no character has more than three bytes for each of its units
  return text.length * 3 > maxBytes && utf8Length(text) > maxBytes;
}
