import { SharedBody } from '../log/shared-body.ts';
import type { Body } from '../../api/body.ts';

/**
 * The first byte of a body that is bytes. No JSON text begins with it (RFC 8259 section 2). So each body says by itself what it is, in every
 * log and after an edit, and the mark separates header and bytes in a binary frame.
 */
export const BYTES_MARK = 0;

/** The message is bytes: all that follow the mark. */
export const isBytes = ({ chunks }: Pick<Body, 'chunks'>): boolean => chunks[0]?.[0] === BYTES_MARK;

/** Room for a message of so many bytes, with its mark: its owner fills in the rest. */
export function roomFor(bytes: number): Uint8Array {
  const room = Buffer.allocUnsafeSlow(bytes + 1);
  room[0] = BYTES_MARK;
  return room;
}

/** Bytes of the message: of its JSON, or without the mark. */
export const sizeOf = (body: Pick<Body, 'chunks' | 'bytes'>): number => body.bytes - (isBytes(body) ? 1 : 0);

/** A body with a copy of the bytes. */
export function copyOf(message: Uint8Array): SharedBody {
  const room = roomFor(message.length);
  room.set(message, 1);
  return new SharedBody([room]);
}

/** The chunks of the message, without the mark. */
export function withoutMark([first, ...others]: readonly Uint8Array[]): readonly Uint8Array[] {
  return first === undefined ? others : [first.subarray(1), ...others];
}

/** The message, in memory of its own. */
export function bytesIn({ chunks, bytes }: Pick<Body, 'chunks' | 'bytes'>): Uint8Array<ArrayBuffer> {
  const message = new Uint8Array(bytes - 1);
  let at = 0;
  for (const chunk of withoutMark(chunks)) {
    message.set(chunk, at);
    at += chunk.length;
  }
  return message;
}

/** A range of the bytes in the chunks, copied. */
export function rangeOf(chunks: readonly Uint8Array[], from: number, to: number): Buffer {
  const parts: Uint8Array[] = [];
  let at = 0;
  for (const chunk of chunks) {
    if (at >= to) break;
    if (at + chunk.length > from) parts.push(chunk.subarray(Math.max(0, from - at), to - at));
    at += chunk.length;
  }
  return Buffer.concat(parts);
}

/** The JSON of a message of bytes for clients that read text only: its fields, up to the comma after them. */
export const BASE64_FIELDS = '"enc":"base64",';

/** The bytes as the text that stands for them in JSON. */
export const base64Of = ({ buffer, byteOffset, length }: Uint8Array): string =>
  Buffer.from(buffer, byteOffset, length).toString('base64');
