import { parseObject } from '../infra/wire/json-object.ts';
import { BASE64_FIELDS } from '../infra/wire/bytes-body.ts';
import type { FramePiece } from './frame-reader.ts';

/** What a frame of the protocol says, as far as an event stream has to know it. */
export interface Word {
  /** The frame's `t`. */
  readonly t: string;
  readonly th: string | undefined;
  /** Of a message: where it is in the log. Undefined for one that does not move the position. */
  readonly o: number | undefined;
  readonly id: string | undefined;
  /** Of a message of bytes, whose data is base64. */
  readonly isBytes: boolean;
  /** Of `joined` and `gap`: the position from which the thread goes on. */
  readonly pos: string | undefined;
  /** Of `joined`. */
  readonly recovered: number | undefined;
  /** Of `bye`. */
  readonly retryMs: number | undefined;
}

/** More than the envelope of a message takes: a thread id has 256 bytes, which JSON may double, an id 128 characters. */
const ENVELOPE_BYTES = 1_024;

/** The hub's own envelopes: see `Entry.frame`. */
const ENVELOPE = /^\{"t":"(msg|removed)","th":("(?:[^"\\]|\\.)*")(?:,"o":(\d+))?(,"ahead":true)?,"id":"([\w.:-]*)"/;

/** Of a part: only the last one moves the position. */
const TYPE = /^\{"t":"(\w+)"/;

/** Frames that are parsed: short, and for one connection alone. */
const PARSED: ReadonlySet<string> = new Set(['joined', 'gap', 'bye', 'left']);

/** @param frame the first piece of a message */
export function wordOf({ chunks }: FramePiece): Word {
  const text = beginningOf(chunks);
  const [, message, thread = '""', offset, ahead, messageId] = ENVELOPE.exec(text) ?? [];
  if (message !== undefined) {
    const o = offset === undefined || ahead !== undefined ? undefined : Number(offset);
    const th: unknown = JSON.parse(thread);
    const isBytes = text.slice(0, text.indexOf(DATA_FIELD)).endsWith(BASE64_FIELDS.slice(0, -1));
    return { ...NONE, isBytes, t: message, th: typeof th === 'string' ? th : undefined, o, id: messageId };
  }
  const [, t = ''] = TYPE.exec(text) ?? [];
  if (!PARSED.has(t)) return { ...NONE, t };
  const { th, pos, recovered, retryMs } = parseObject(Buffer.concat(chunks).toString()) ?? {};
  return {
    ...NONE,
    t,
    th: typeof th === 'string' ? th : undefined,
    pos: typeof pos === 'string' ? pos : undefined,
    recovered: typeof recovered === 'number' ? recovered : undefined,
    retryMs: typeof retryMs === 'number' ? retryMs : undefined,
  };
}

const NONE: Word = {
  t: '',
  th: undefined,
  o: undefined,
  id: undefined,
  isBytes: false,
  pos: undefined,
  recovered: undefined,
  retryMs: undefined,
};

function beginningOf(chunks: readonly Uint8Array[]): string {
  const [first, second] = chunks;
  if (first === undefined) return '';
  const { length } = first;
  const whole = length >= ENVELOPE_BYTES || second === undefined ? first : Buffer.concat(chunks.slice(0, 3));
  return Buffer.from(whole.buffer, whole.byteOffset, Math.min(whole.length, ENVELOPE_BYTES)).toString();
}

const DATA_FIELD = ',"d":';
const DATA = Buffer.from(DATA_FIELD);

/** The JSON of a message, without the envelope around it, as far as this piece goes. */
export function bareChunks(frame: FramePiece): readonly Uint8Array[] {
  let { chunks } = frame;
  if (frame.isFirst) {
    const whole = Buffer.concat(chunks.slice(0, 2));
    chunks = [whole.subarray(whole.indexOf(DATA) + DATA.length), ...chunks.slice(2)];
  }
  const last = chunks.at(-1);
  // the brace after the data
  return frame.isLast && last !== undefined ? [...chunks.slice(0, -1), last.subarray(0, -1)] : chunks;
}
