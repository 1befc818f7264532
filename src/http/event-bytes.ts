import type { FramePiece } from './frame-reader.ts';

const DATA = Buffer.from('data: ');
/** Ends an event. */
export const END: Uint8Array = Buffer.from('\n\n');
const LINE_FEED = 0x0a;
const CARRIAGE_RETURN = 0x0d;
const SPACE = 0x20;

/** A heartbeat (the HTML standard, section 9.2.7: a comment keeps proxies from giving up an idle response). */
export const COMMENT: Uint8Array = Buffer.from(':\n\n');

/** The bytes of an event, as far as this piece of a message goes. */
export function eventParts({ isFirst, isLast, chunks }: FramePiece, id: string | undefined): Uint8Array[] {
  const parts: Uint8Array[] = [];
  if (isFirst && id !== undefined) parts.push(idLine(id));
  if (isFirst) parts.push(DATA);
  for (const chunk of chunks) parts.push(oneLine(chunk));
  if (isLast) parts.push(END);
  return parts;
}

export const idLine = (id: string): Uint8Array => Buffer.from(`id: ${id}\n`);

/** A position without data: it sets the client's last event id, and no listener is called. */
export const silentEvent = (id: string): Uint8Array => Buffer.from(`id: ${id}\n\n`);

/** Some browsers come back at once for 0, again and again. */
const LEAST_RETRY_MS = 1_000;

/** How long an `EventSource` waits before it comes back. */
export const retryLine = (ms: number): Uint8Array => Buffer.from(`retry: ${Math.max(LEAST_RETRY_MS, Math.ceil(ms))}\n`);

export function textEvent(text: string, type?: string): Uint8Array {
  return Buffer.from(`${type === undefined ? '' : `event: ${type}\n`}data: ${text}\n\n`);
}

/**
 * JSON without line breaks, which would end the line of an event. Between the tokens of JSON they mean the same as spaces, and within a text
 * they are always escaped. Only the application's own bytes (`preencoded`) can have any.
 */
export function oneLine(chunk: Uint8Array): Uint8Array {
  const view = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length);
  if (view.indexOf(LINE_FEED) < 0 && view.indexOf(CARRIAGE_RETURN) < 0) return chunk;
  return Buffer.from(view.map((byte) => (byte === LINE_FEED || byte === CARRIAGE_RETURN ? SPACE : byte)));
}

const CRLF = Buffer.from('\r\n');

/** One chunk of a chunked body (RFC 9112 section 7.1). */
export function chunked(parts: readonly Uint8Array[]): Uint8Array[] {
  const size = parts.reduce((sum, { length }) => sum + length, 0);
  return size === 0 ? [] : [Buffer.from(`${size.toString(16)}\r\n`), ...parts, CRLF];
}
