import type { Body } from '../../api/body.ts';
import type { Frame } from '../../api/entry.ts';
import type { Piece } from '../../api/socket.ts';
import { base64Of, rangeOf, withoutMark } from './bytes-body.ts';
import { END_OF_MESSAGE, storedBlock } from './deflate.ts';

/**
 * Payload bytes of one WebSocket fragment, and the size above which a message is sent as several. Between two fragments a ping may pass,
 * and a full socket is noticed. It is one output segment of the serializer, so that a segment becomes a fragment as it is.
 */
export const FRAGMENT_BYTES = 256 * 1024;

/** Up to this size a frame is joined into one buffer: one copy for all costs less than a second chunk in every socket's write. */
const JOIN_BYTES = 64 * 1024;

/** Up to this size a copy takes less memory than the objects that would point to the original. */
const COPIED_BYTES = 256;

/** Envelopes are shorter. */
const SHORT_BYTES = 1024;

/** Opcodes of RFC 6455 section 5.2. */
const CONTINUATION = 0x0;
const TEXT = 0x1;
const BINARY = 0x2;
const PING = 0x9;
const PONG = 0xa;
const FIN = 0x80;
/** "Per-message compressed", on the first fragment (RFC 7692 section 6). */
const RSV1 = 0x40;

/** The type of a WebSocket message. */
export type MessageType = 'text' | 'binary';

const OPCODES = { text: TEXT, binary: BINARY } as const;

/**
 * The frame of a message made of `prefix`, the body and `suffix`.
 * @param isFirst the first frame of an entry holds a small body from then on, and further frames point to it. Two copies would double what
 * a log holds
 */
export function encodeFrame(
  prefix: string,
  body: Body,
  suffix: string,
  isFirst: boolean,
  type: MessageType = 'text',
): Frame {
  return encodeBody(OPCODES[type], [textPart(prefix), textPart(suffix)], body, isFirst);
}

/** The same message for a connection that has negotiated permessage-deflate; `deflated` is its body as `deflateBody` makes it. */
export function encodeDeflatedFrame(
  prefix: string,
  deflated: Body,
  suffix: string,
  isFirst: boolean,
  type: MessageType = 'text',
): Frame {
  const block = (text: string): Uint8Array => (text === '' ? EMPTY : storedBlock(text));
  const end = Buffer.concat([block(suffix), END_OF_MESSAGE]);
  return encodeBody(OPCODES[type] | RSV1, [block(prefix), end], deflated, isFirst);
}

/** The frame of a binary message made of these chunks of the body. */
export function encodeChunks(chunks: readonly Uint8Array[], body: Body): Frame {
  const size = chunks.reduce((sum, { length }) => sum + length, 0);
  if (size > JOIN_BYTES) return fragmented(chunks.map(owned), BINARY, body);
  const whole = wholeFrame(BINARY | FIN, chunks, size);
  return { pieces: [[whole]], bytes: whole.length, body: undefined };
}

/** Bytes whose base64 is one fragment. */
const BASE64_BYTES = (FRAGMENT_BYTES / 4) * 3;

/**
 * The frame of a text message made of `prefix`, the base64 of a body of bytes, and `suffix`. The pieces of a big one are made when they are
 * written: nearly all clients take bytes, and 50 MB at once would hold the event loop.
 */
export function encodeBase64(prefix: string, body: Body, suffix: string): Frame {
  const chunks = withoutMark(body.chunks);
  const size = body.bytes - 1;
  const count = Math.max(1, Math.ceil(size / BASE64_BYTES));
  const [head, tail] = [textPart(prefix), textPart(suffix)];
  const extraOf = (n: number): number => (n === 0 ? head.length : 0) + (n === count - 1 ? tail.length : 0);
  const lengthOf = (n: number): number =>
    Math.ceil(Math.min(BASE64_BYTES, size - n * BASE64_BYTES) / 3) * 4 + extraOf(n);
  const make = (n: number): Piece => {
    const bytes = rangeOf(chunks, n * BASE64_BYTES, Math.min(size, (n + 1) * BASE64_BYTES));
    const opcode = (n === 0 ? TEXT : CONTINUATION) | (n === count - 1 ? FIN : 0);
    const text = Buffer.from(base64Of(bytes), 'latin1');
    const parts = [n === 0 ? head : EMPTY, text, n === count - 1 ? tail : EMPTY];
    return [wholeFrame(opcode, parts, lengthOf(n))];
  };
  const pieces: Piece[] = [];
  let bytes = 0;
  for (let n = 0; n < count; n++) {
    bytes += headerBytes(lengthOf(n)) + lengthOf(n);
    if (count === 1) pieces.push(make(n));
    else Object.defineProperty(pieces, n, { get: () => make(n) });
  }
  return { pieces, bytes, body: count === 1 ? undefined : body };
}

/** JSON with ASCII characters only: clients read the header of a binary message byte by byte. */
export const asciiJson = (json: string): string =>
  json.replace(/[^\0-\x7f]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);

/** The frame of a short text message of the protocol. */
export function encodeText(text: string): Frame {
  const size = Buffer.byteLength(text);
  const at = headerBytes(size);
  const whole = Buffer.allocUnsafeSlow(at + size);
  writeHeader(whole, TEXT | FIN, size);
  whole.write(text, at);
  return { pieces: [[whole]], bytes: whole.length, body: undefined };
}

/** The whole frame of a message, from plain or compressed bytes, in memory of its own. */
export function encodeWhole(
  payload: Buffer,
  form: 'plain' | 'deflated' = 'plain',
  type: MessageType = 'text',
): Uint8Array {
  return wholeFrame(OPCODES[type] | FIN | (form === 'deflated' ? RSV1 : 0), [payload], payload.length);
}

/** The frame of a text message around bytes that others share. Big ones are not copied. */
export function encodeAround(
  head: Uint8Array,
  shared: readonly Uint8Array[],
  end: string,
): { readonly piece: Piece; readonly bytes: number } {
  const parts = [head, ...shared, textPart(end)];
  let size = 0;
  for (const part of parts) size += part.length;
  if (size > JOIN_BYTES) return { piece: [header(TEXT | FIN, size), ...parts], bytes: headerBytes(size) + size };
  const whole = wholeFrame(TEXT | FIN, parts, size);
  return { piece: [whole], bytes: whole.length };
}

/** The header of a binary message in one frame. */
export const binaryHeader = (bytes: number): Buffer => header(BINARY | FIN, bytes);

/** The ping of a barrier with this number, the same one for all that get the number one after the other. */
export function pingPiece(seq: number): Piece {
  if (lastPing.seq !== seq) {
    const payload = String(seq);
    const ping = Buffer.from(`${String.fromCharCode(PING | FIN, payload.length)}${payload}`, 'latin1');
    lastPing = { seq, piece: [ping] };
  }
  return lastPing.piece;
}

/** The answer to a ping, with its payload of at most 125 bytes, in memory of its own. */
export function encodePong(payload: Uint8Array): Uint8Array {
  return wholeFrame(PONG | FIN, [payload], payload.length);
}

const EMPTY = new Uint8Array(0);
let lastPing: { readonly seq: number; readonly piece: Piece } = { seq: -1, piece: [] };
const textPart = (text: string): Uint8Array => (text === '' ? EMPTY : Buffer.from(text));

function encodeBody(
  firstByte: number,
  [prefix, suffix]: readonly [Uint8Array, Uint8Array],
  body: Body,
  isFirst: boolean,
): Frame {
  const size = prefix.length + body.bytes + suffix.length;
  if (size > JOIN_BYTES) return fragmented([prefix, ...body.chunks, suffix].map(owned), firstByte, body);
  const bytes = headerBytes(size) + size;
  if (!isFirst && size > COPIED_BYTES) {
    const piece = [header(firstByte | FIN, size), owned(prefix), ...body.chunks, owned(suffix)];
    return { pieces: [piece.filter(({ length }) => length > 0)], bytes, body: undefined };
  }
  const whole = wholeFrame(firstByte | FIN, [prefix, ...body.chunks, suffix], size);
  if (isFirst) body.moveInto?.(whole, bytes - suffix.length - body.bytes);
  return { pieces: [[whole]], bytes, body: undefined };
}

/** In memory of its own: a slice of Node's buffer pool would keep 64 KiB for as long as the log has the message. */
function wholeFrame(firstByte: number, parts: readonly Uint8Array[], size: number): Buffer {
  let at = headerBytes(size);
  const whole = Buffer.allocUnsafeSlow(at + size);
  writeHeader(whole, firstByte, size);
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/** Copies a short part likewise; parts in segments stay where they are. */
function owned(part: Uint8Array): Uint8Array {
  if (part.length === 0 || part.length >= SHORT_BYTES) return part;
  const copy = Buffer.allocUnsafeSlow(part.length);
  copy.set(part);
  return copy;
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
  return { pieces, bytes, body };
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

/** Size of a frame header without mask (RFC 6455 section 5.2). */
function headerBytes(length: number): 2 | 4 | 10 {
  if (length < 126) return 2;
  return length < 65_536 ? 4 : 10;
}

function header(firstByte: number, length: number): Buffer {
  const head = Buffer.allocUnsafeSlow(headerBytes(length));
  writeHeader(head, firstByte, length);
  return head;
}

function writeHeader(target: Buffer, firstByte: number, length: number): void {
  target[0] = firstByte;
  if (length < 126) {
    target[1] = length;
  } else if (length < 65_536) {
    target[1] = 126;
    target.writeUInt16BE(length, 2);
  } else {
    target[1] = 127;
    target.writeBigUInt64BE(BigInt(length), 2);
  }
}
