import { isObject } from '../../wire/json-object.ts';

/** The subprotocol of relays. */
export const RELAY_SUBPROTOCOL = 'threadcast.v1.relay';

/** A head with its fields, and the bytes that follow it, which are a view of what has arrived. */
export interface RelayFrame {
  readonly head: Readonly<Record<string, unknown>>;
  readonly body: Buffer;
}

const LINE_END = 10;

/** One record: its head as JSON on a line, then the body, whose length is in the head. In memory of its own. */
export function encodeRecord(head: object, body: readonly Uint8Array[] = []): Buffer {
  const json = JSON.stringify(head);
  let bytes = 0;
  for (const { length } of body) bytes += length;
  if (bytes === 0) return Buffer.from(`${json}\n`);
  const line = `${json.slice(0, -1)},"z":${bytes}}\n`;
  let at = Buffer.byteLength(line);
  const record = Buffer.allocUnsafe(at + bytes);
  record.write(line);
  for (const chunk of body) {
    record.set(chunk, at);
    at += chunk.length;
  }
  return record;
}

/** The records of one WebSocket message; ends at the first that is none. */
export function* decodeRecords(bytes: Buffer): Generator<RelayFrame> {
  for (let at = 0; at < bytes.length;) {
    const end = bytes.indexOf(LINE_END, at);
    if (end < 0) return;
    const head: unknown = parse(bytes.toString('utf8', at, end));
    if (!isObject(head)) return;
    const { z = 0 } = head;
    if (typeof z !== 'number' || !Number.isInteger(z) || z < 0 || end + 1 + z > bytes.length) return;
    at = end + 1 + z;
    yield { head, body: bytes.subarray(end + 1, at) };
  }
}

/** A message of a WebSocket as bytes; none if it is a text. */
export function bytesOfMessage(data: unknown): Buffer {
  if (data instanceof ArrayBuffer) return Buffer.from(data);
  return data instanceof Uint8Array ? Buffer.from(data.buffer, data.byteOffset, data.length) : NONE;
}

const NONE = Buffer.alloc(0);

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

export const textIn = (value: unknown): string => (typeof value === 'string' ? value : '');

export const countIn = (value: unknown): number =>
  typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : 0;
