import { isObject } from '../../wire/json-object.ts';

/** The subprotocol of relays. */
export const RELAY_SUBPROTOCOL = 'threadcast.v1.relay';

/** A head with its fields, and the bytes that follow it, if any. */
export interface RelayFrame {
  readonly head: Readonly<Record<string, unknown>>;
  readonly body: string;
}

/** Bytes as a text with one character for each (ISO 8859-1): messages are mostly ASCII, and a frame may hold any bytes. */
export const textOfBytes = (chunks: readonly Uint8Array[]): string => Buffer.concat(chunks).toString('latin1');

/** In memory of their own. */
export function bytesOfText(text: string): Buffer {
  const bytes = Buffer.allocUnsafeSlow(text.length);
  bytes.write(text, 'latin1');
  return bytes;
}

/** One record: its head as JSON on a line, then the body, whose length is in the head. */
export function encodeRecord(head: object, body = ''): string {
  const json = JSON.stringify(head);
  return body === '' ? `${json}\n` : `${json.slice(0, -1)},"z":${body.length}}\n${body}`;
}

/** The records of one WebSocket message; ends at the first that is none. */
export function* decodeRecords(text: string): Generator<RelayFrame> {
  for (let at = 0; at < text.length;) {
    const end = text.indexOf('\n', at);
    if (end < 0) return;
    const head: unknown = parse(text.slice(at, end));
    if (!isObject(head)) return;
    const { z = 0 } = head;
    if (typeof z !== 'number' || !Number.isInteger(z) || z < 0 || end + 1 + z > text.length) return;
    at = end + 1 + z;
    yield { head, body: text.slice(end + 1, at) };
  }
}

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
