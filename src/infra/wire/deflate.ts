import { constants, createDeflateRaw } from 'node:zlib';
import { SharedBody } from '../log/shared-body.ts';
import type { Body } from '../../api/body.ts';
import type { WindowBits } from '../../api/socket.ts';

/** The ratio below which compression is worth the client's work. */
export const WORTHWHILE = 0.9;

/** Compresses a body off the event loop; see `deflateBody`. The simulator has one of its own. */
export type DeflateBody = (body: Body, windowBits: WindowBits, level: number) => Promise<Body>;

/**
 * A body as blocks of raw deflate (RFC 1951), made off the event loop. Nothing in it refers to bytes outside, and it begins and ends on a
 * byte boundary. So it can stand in any message between stored blocks: it is compressed once, whatever the envelope.
 *
 * The body's references are not touched. The caller owns the result's one reference.
 */
export async function deflateBody(body: Body, windowBits: WindowBits, level: number): Promise<Body> {
  const chunkSize = Math.min(16 * 1024, Math.max(256, body.bytes));
  const deflate = createDeflateRaw({ windowBits, level, chunkSize });
  const chunks: Buffer[] = [];
  deflate.on('data', (chunk: Buffer) => chunks.push(chunk));
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  deflate.once('error', reject);
  for (const chunk of body.chunks) deflate.write(chunk);
  deflate.flush(constants.Z_SYNC_FLUSH, resolve);
  try {
    await promise;
  } finally {
    deflate.close();
  }
  return new SharedBody(chunks.map(compact));
}

/** The last chunk is as long as zlib's buffer: its unused bytes would be kept with it. */
function compact(chunk: Buffer): Buffer {
  if (chunk.length * 2 > chunk.buffer.byteLength) return chunk;
  const copy = Buffer.allocUnsafeSlow(chunk.length);
  copy.set(chunk);
  return copy;
}

/** The text as one stored block: no compression, five bytes of header, on a byte boundary. For texts below 64 KiB. */
export function storedBlock(text: string): Buffer {
  const length = Buffer.byteLength(text);
  const block = Buffer.allocUnsafe(5 + length);
  // BFINAL 0, BTYPE 00, padding; LEN; NLEN
  block.writeUInt8(0, 0);
  block.writeUInt16LE(length, 1);
  block.writeUInt16LE(~length & 0xffff, 3);
  block.write(text, 5);
  return block;
}

/** The end of the message: the header of the empty stored block whose length the receiver adds (RFC 7692 section 7.2.2). */
export const END_OF_MESSAGE = Buffer.from([0]);

/**
 * The window for shared compressed frames, by the negotiated parameters of permessage-deflate (RFC 7692 section 7.1). Undefined if such
 * frames must not be sent: without permessage-deflate, or if it keeps its context between messages. With a kept context, a later message of
 * another compressor would refer to bytes that are no longer at the expected place in the client's window: silent corruption.
 */
export function sharedWindow(parameters: unknown): WindowBits | undefined {
  if (typeof parameters !== 'object' || parameters === null) return undefined;
  if (!('server_no_context_takeover' in parameters) || parameters.server_no_context_takeover !== true) return undefined;
  const bits = 'server_max_window_bits' in parameters ? parameters.server_max_window_bits : 15;
  return WINDOWS.find((candidate) => candidate === bits);
}

const WINDOWS: readonly WindowBits[] = [9, 10, 11, 12, 13, 14, 15];
