import { hash } from 'node:crypto';
import type { Received } from '../audit.ts';

/** What a frame of the wire protocol is to a client that keeps books. */
export type Frame =
  | { readonly t: 'joined'; readonly pos: string; readonly recovered: number }
  | { readonly t: 'gap'; readonly pos: string; readonly why: string }
  | { readonly t: 'text'; readonly stream: string; readonly at: number; readonly text: string }
  | { readonly t: 'messages'; readonly messages: readonly Delivered[] }
  | { readonly t: 'other' };

export interface Delivered extends Received {
  /** It overtook others: the position stays. */
  readonly isAhead: boolean;
  /** The whole text, where the message is the end of a token stream. */
  readonly text: () => string;
}

/** Where a message begins in its frame; nothing before it may contain that text. */
const MESSAGE = ',"d":';

/** Thread and message ids are bounded: the head of a frame is never longer. */
const MAX_HEAD = 512;

/**
 * Reads a frame. A message is not parsed, its bytes are hashed as they came: that is what is to be checked, and dozens of
 * clients in one process would otherwise parse a gigabyte of JSON for nothing.
 */
export function readFrame(data: Buffer): Frame {
  const at = data.subarray(0, MAX_HEAD).indexOf(MESSAGE);
  const head = parse(at < 0 ? data.toString() : `${data.toString('latin1', 0, at)}}`);
  if (at > 0 && head['t'] === 'msg') {
    return { t: 'messages', messages: [delivered(head, data.subarray(at + MESSAGE.length, -1))] };
  }
  const frame = at < 0 ? head : parse(data.toString());
  switch (frame['t']) {
    case 'joined':
      return { t: 'joined', pos: String(frame['pos']), recovered: Number(frame['recovered']) };
    case 'gap':
      return { t: 'gap', pos: String(frame['pos']), why: String(frame['why']) };
    case 'tok':
      return {
        t: 'text',
        stream: String(frame['s']),
        at: Number(frame['at']),
        text: typeof frame['d'] === 'string' ? frame['d'] : '',
      };
    case 'batch': {
      // JSON that came from `JSON.stringify` is the same text again when it is parsed and stringified
      const entries: unknown[] = Array.isArray(frame['m']) ? frame['m'] : [];
      const messages = entries
        .filter(isObject)
        .map((entry) => delivered(entry, Buffer.from(JSON.stringify(entry['d']))));
      return { t: 'messages', messages };
    }
    default:
      return { t: 'other' };
  }
}

function delivered(head: Readonly<Record<string, unknown>>, json: Uint8Array): Delivered {
  return {
    offset: Number(head['o']),
    id: String(head['id']),
    digest: hash('sha256', json),
    bytes: json.length,
    isAhead: head['ahead'] === true,
    text: () => String(parse(Buffer.from(json).toString())['text']),
  };
}

function parse(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) ? value : {};
  } catch {
    // `,"d":` was within something else: the whole frame is read instead
    return {};
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}
