import type { Body } from '../../api/body.ts';
import { END_OF_MESSAGE, storedBlock } from './deflate.ts';
import type { Piece } from '../../api/socket.ts';

/**
 * Payload bytes of one WebSocket fragment, and above which a message goes out as several: between two fragments a ping may
 * pass and a socket may be found full. One output segment of the serializer, so that a fragment is a segment as it is.
 */
export const FRAGMENT_BYTES = 256 * 1024;

/** Up to this a frame is joined into one buffer: one copy for all costs less than a second chunk in every socket's write. */
const JOIN_BYTES = 64 * 1024;

/** Opcodes of RFC 6455 section 5.2. */
const CONTINUATION = 0x0;
const TEXT = 0x1;
const PING = 0x9;
const PONG = 0xa;
const FIN = 0x80;
/** "Per-message compressed", on the first fragment (RFC 7692 section 6). */
const RSV1 = 0x40;

/**
 * The exact bytes of one WebSocket message for one frame class, ready to be written to any number of sockets: frames from a
 * server are not masked (RFC 6455 section 5.1), so every connection gets the same bytes.
 */
export interface Frame {
  readonly pieces: readonly Piece[];
  /** The frame as one buffer, where it is small enough to be one. */
  readonly whole: Uint8Array | undefined;
  /** Sum of all pieces. */
  readonly bytes: number;
  /** The body whose memory the pieces point into, to be retained while they are unsent; undefined where they are a copy. */
  readonly body: Body | undefined;
}

/** The frame of a text message made of `prefix`, the body and `suffix`. */
export function encodeFrame(prefix: string, body: Body, suffix: string): Frame {
  return encodeChunks([Buffer.from(prefix), ...body.chunks, Buffer.from(suffix)], TEXT, body);
}

/** The same message for a connection that has negotiated permessage-deflate; `deflated` is its body as `deflateBody` makes it. */
export function encodeDeflatedFrame(prefix: string, deflated: Body, suffix: string): Frame {
  const envelope = (text: string): Uint8Array[] => (text === '' ? [] : [storedBlock(text)]);
  const chunks = [...envelope(prefix), ...deflated.chunks, ...envelope(suffix), END_OF_MESSAGE];
  return encodeChunks(chunks, TEXT | RSV1, deflated);
}

/** The frame of a short text message: the protocol's own words. */
export function encodeText(text: string): Frame {
  const payload = Buffer.from(text);
  const whole = Buffer.concat([header(TEXT | FIN, payload.length), payload]);
  return { pieces: [[whole]], whole, bytes: whole.length, body: undefined };
}

/** The whole frame of a text message, from its UTF-8 bytes or from these as permessage-deflate has them, in memory of its own. */
export function encodeWhole(payload: Buffer, form: 'plain' | 'deflated' = 'plain'): Uint8Array {
  const head = header(TEXT | FIN | (form === 'deflated' ? RSV1 : 0), payload.length);
  const frame = Buffer.allocUnsafeSlow(head.length + payload.length);
  head.copy(frame);
  payload.copy(frame, head.length);
  return frame;
}

/** A ping with an ASCII payload of at most 125 bytes. */
export function encodePing(payload: string): Buffer {
  return Buffer.from(`${String.fromCharCode(PING | FIN, payload.length)}${payload}`, 'latin1');
}

/** The answer to a ping, with its payload of at most 125 bytes, in memory of its own. */
export function encodePong(payload: Uint8Array): Uint8Array {
  return Buffer.concat([Buffer.from([PONG | FIN, payload.length]), payload]);
}

function encodeChunks(chunks: readonly Uint8Array[], firstByte: number, body: Body): Frame {
  const size = chunks.reduce((sum, chunk) => sum + chunk.length, 0);
  if (size > JOIN_BYTES) return fragmented(chunks, firstByte, body);
  const whole = Buffer.concat([header(firstByte | FIN, size), ...chunks]);
  return { pieces: [[whole]], whole, bytes: whole.length, body: undefined };
}

function fragmented(chunks: readonly Uint8Array[], firstByte: number, body: Body): Frame {
  const payloads = groupBySize(chunks, FRAGMENT_BYTES);
  let bytes = 0;
  const pieces = payloads.map((payload, i) => {
    const size = payload.reduce((sum, part) => sum + part.length, 0);
    const opcode = (i === 0 ? firstByte : CONTINUATION) | (i === payloads.length - 1 ? FIN : 0);
    const head = header(opcode, size);
    bytes += head.length + size;
    return [head, ...payload];
  });
  return { pieces, whole: undefined, bytes, body };
}

/** The same bytes as lists of at most `limit` bytes each; chunks are cut, never copied. */
function groupBySize(chunks: readonly Uint8Array[], limit: number): Uint8Array[][] {
  let group: Uint8Array[] = [];
  let room = limit;
  const groups = [group];
  for (const chunk of chunks) {
    for (let at = 0; at < chunk.length;) {
      if (room === 0) {
        groups.push((group = []));
        room = limit;
      }
      const part = chunk.subarray(at, at + room);
      group.push(part);
      room -= part.length;
      at += part.length;
    }
  }
  return groups;
}

/** A frame header without mask (RFC 6455 section 5.2): 2, 4 or 10 bytes. */
function header(firstByte: number, length: number): Buffer {
  if (length < 126) return Buffer.from([firstByte, length]);
  if (length < 65_536) return Buffer.from([firstByte, 126, length >> 8, length & 0xff]);
  const head = Buffer.alloc(10);
  head[0] = firstByte;
  head[1] = 127;
  head.writeBigUInt64BE(BigInt(length), 2);
  return head;
}
