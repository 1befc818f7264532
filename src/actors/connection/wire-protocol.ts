import { encodeText } from '../../infra/wire/frames.ts';
import type { Frame } from '../../api/entry.ts';
import { isId } from '../../infra/log/ids.ts';
import { isObject, parseObject } from '../../infra/wire/json-object.ts';
import type { JoinRequest } from '../thread/join-request.ts';
import type { PartsRequest } from '../delivery/part-sender.ts';
import type { ChunkReading } from '../streams/text-reader.ts';
import type { TextPositions } from '../streams/missed-streams.ts';
import type { GapReason } from '../delivery/gap-reason.ts';

/** Name of the WebSocket subprotocol; its frames are in `docs/PROTOCOL.md`. */
export const SUBPROTOCOL = 'threadcast.v1.json';

/** Maximum length of a `traceparent`, which has 55 units in its version 00. */
const MOST_TRACE_UNITS = 256;

/** Maximum streams that a join may report: twice as many as a thread has in progress by default. */
const MOST_STREAMS = 64;

/** Maximum codecs that a join may name. */
const MOST_CODECS = 16;

/** Bytes at the beginning of a too big message that are searched for its ids. */
const MOST_HEAD_BYTES = 2_048;

/** What the server sends besides messages. */
export const notices = {
  /**
   * @param times `pingMs` is how long the server may be silent, `spreadMs` how long clients take to come back after a crash
   * @param isUp whether the log is reachable; sent only if it is not
   */
  hello: (
    sid: string,
    times: { pingMs: number; spreadMs: number | undefined },
    limits: { maxBytes: number; list: number; history: number; binary: number },
    isUp: boolean,
  ): Frame => encodeText(JSON.stringify({ t: 'hello', sid, ...times, limits, up: isUp ? undefined : false })),
  /** @param ids of token streams in progress */
  joined: (th: string, pos: string, recovered: number, ref: number | undefined, ids: readonly string[] = []): Frame =>
    encodeText(JSON.stringify({ t: 'joined', th, pos, recovered, ref, streams: ids.length > 0 ? ids : undefined })),
  left: (th: string, why: string): Frame => encodeText(JSON.stringify({ t: 'left', th, why })),
  gap: (th: string, why: GapReason, pos: string): Frame => encodeText(JSON.stringify({ t: 'gap', th, why, pos })),
  lost: (th: string, s: string): Frame => encodeText(JSON.stringify({ t: 'tok', th, s, lost: true })),
  error: (
    code: string,
    about: { th?: string; id?: string; ref?: number | undefined; why?: string; paths?: readonly string[] } = {},
  ): Frame => encodeText(JSON.stringify({ t: 'err', code, ...about })),
  /** @param about the message's id in the thread, its position, and the JSON of the application's answer */
  accepted: (
    th: string,
    id: string,
    about: { mid: string; pos: string | undefined; data: string | undefined; isBytes: boolean },
  ): Frame => {
    const { mid, pos, data, isBytes } = about;
    const frame = JSON.stringify({ t: 'ok', th, id, mid, pos, enc: isBytes ? 'base64' : undefined });
    return encodeText(data === undefined ? frame : `${frame.slice(0, -1)},"d":${data}}`);
  },
  /** A value has been set or removed. */
  done: (th: string, id: string): Frame => encodeText(JSON.stringify({ t: 'ok', th, id })),
  heartbeat: encodeText('{"t":"hb"}'),
  log: (isUp: boolean): Frame => encodeText(JSON.stringify({ t: 'log', up: isUp })),
  /** @param ms how long the session lasts without a fresh token */
  renew: (ms: number): Frame => encodeText(JSON.stringify({ t: 'renew', ms })),
  renewed: (ref: number | undefined): Frame => encodeText(JSON.stringify({ t: 'renewed', ref })),
  bye: (retryMs: number): Frame => encodeText(JSON.stringify({ t: 'bye', retryMs })),
};

/** A client asks to join a thread. */
export interface Join {
  readonly t: 'join';
  readonly th: string;
  readonly from: string | undefined;
  readonly join: JoinRequest;
  /** The URL asked for it, not a frame. */
  readonly isInUrl?: boolean | undefined;
}

/** A client asks for the messages to its user. */
export interface InboxJoin extends Omit<Join, 't' | 'th'> {
  readonly t: 'inbox';
}

/** A client asks for messages of a thread's past, before a position or cursor, or up to it. */
export interface HistoryRequest {
  readonly t: 'history';
  readonly th: string;
  readonly ref: number | undefined;
  /** Empty if it is no text. */
  readonly before: string | undefined;
  readonly until: string | undefined;
  /** As it came. */
  readonly limit: number | undefined;
}

/** What a client acknowledges: cumulative, by thread. */
export type Acknowledged = readonly [th: string, o: number];

/** A client sets a value, or removes it. */
export interface ValueRequest {
  readonly t: 'val';
  readonly th: string;
  readonly id: string;
  readonly key: string;
  /** Undefined for a removal. */
  readonly d: unknown;
  readonly ms: unknown;
  /** The value ends with the client's connection. */
  readonly own: boolean;
}

/** What a client may ask for. */
export type Request =
  | Join
  | InboxJoin
  | HistoryRequest
  | ValueRequest
  | { readonly t: 'cancel'; readonly th: string; readonly s: string }
  | { readonly t: 'leave'; readonly th: string }
  /** A fresh token; undefined if it is no text. */
  | { readonly t: 'renew'; readonly token: string | undefined; readonly ref: number | undefined }
  | {
      readonly t: 'pub';
      readonly th: string;
      readonly id: string;
      readonly d: unknown;
      readonly tp: string | undefined;
    };

/** A frame of a client: one request, a list of joins, or a list of acknowledgements. */
export type ClientFrame =
  | Request
  | { readonly t: 'joins'; readonly joins: readonly Join[] }
  | { readonly t: 'acks'; readonly acks: readonly Acknowledged[] };

/** Maximum entries of a list in a client's frame; `hello` states it. */
export const MAX_LIST = 256;

/**
 * The request in a binary message: a JSON header, a zero byte, and the bytes of its `d`. Only a `pub` has them. The result is as that of
 * `parseFrame`.
 */
export function parseBinary(data: Uint8Array): ClientFrame | 'ignored' | undefined {
  const end = headerEnd(data);
  const frame = end < 0 ? undefined : parseFrame(data.subarray(0, end));
  if (frame === undefined || frame === 'ignored') return frame;
  // the application keeps it: not in the memory of the socket
  return frame.t === 'pub' ? { ...frame, d: new Uint8Array(data.subarray(end + 1)) } : undefined;
}

/** Where the zero byte is; negative where the header is too long or does not end. */
const headerEnd = (data: Uint8Array): number => data.subarray(0, MOST_HEAD_BYTES).indexOf(0);

/** The request in a frame; `ignored` for a type that this version does not know, `undefined` for an invalid frame. */
export function parseFrame(data: Uint8Array): ClientFrame | 'ignored' | undefined {
  const frame = parseObject(Buffer.from(data.buffer, data.byteOffset, data.length).toString());
  if (frame === undefined || typeof frame['t'] !== 'string') return undefined;
  const { t, th, from, parts, have, ref, o, id, d, tp, s, l, token, codecs, late } = frame;
  const { before, until, limit, values, key, ms, own, enc } = frame;
  switch (t) {
    case 'join':
      return joinIn([th, ref, from, s, have, values], { parts, codecs, late });
    case 'joins': {
      const joins = listIn(l, (entry) => joinIn(entry, { parts, codecs, late }));
      return joins && { t, joins };
    }
    case 'inbox':
      if (from !== undefined && typeof from !== 'string') return undefined;
      return { t, from, join: joinRequestIn(s, { parts, codecs, late }, have, ref) };
    case 'history':
      if (typeof th !== 'string') return undefined;
      return {
        t,
        th,
        ref: numberIn(ref),
        before: placeIn(before),
        until: placeIn(until),
        limit: limit === undefined ? undefined : (numberIn(limit) ?? NaN),
      };
    case 'cancel':
      return typeof th === 'string' && typeof s === 'string' ? { t, th, s } : undefined;
    case 'leave':
      return typeof th === 'string' ? { t, th } : undefined;
    case 'renew':
      return { t, token: typeof token === 'string' ? token : undefined, ref: numberIn(ref) };
    case 'ack': {
      const ack = ackIn([th, o]);
      return ack && { t: 'acks', acks: [ack] };
    }
    case 'acks': {
      const acks = listIn(l, ackIn);
      return acks && { t, acks };
    }
    case 'pub': {
      const data = enc === 'base64' ? fromBase64(d) : d;
      if (typeof th !== 'string' || typeof id !== 'string' || (data === undefined && enc === 'base64'))
        return undefined;
      return { t, th, id, d: data, tp: typeof tp === 'string' && tp.length <= MOST_TRACE_UNITS ? tp : undefined };
    }
    case 'val':
      return typeof th === 'string' && isId(id) && typeof key === 'string'
        ? { t, th, id, key, d, ms, own: own === true }
        : undefined;
    default:
      return 'ignored';
  }
}

/** All entries of a list; undefined if an entry is invalid, or if the list is longer than `hello` allows. */
function listIn<T>(list: unknown, entryIn: (entry: readonly unknown[]) => T | undefined): readonly T[] | undefined {
  if (!Array.isArray(list) || list.length > MAX_LIST) return undefined;
  const entries = list.map((entry: unknown) => (Array.isArray(entry) ? entryIn(entry) : undefined));
  const right = entries.filter((entry) => entry !== undefined);
  return right.length === entries.length ? right : undefined;
}

/** `[th, ref?, from?, s?, have?, values?]`; in a list, `null` stands for an omitted value. */
function joinIn([th, ref, place, s, have, values]: readonly unknown[], reads: Reads): Join | undefined {
  const from = place ?? undefined;
  if (typeof th !== 'string' || (from !== undefined && typeof from !== 'string')) return undefined;
  return { t: 'join', th, from, join: { ...joinRequestIn(s, reads, have, ref), values: values === true } };
}

/** `[th, o]` */
function ackIn([th, o]: readonly unknown[]): Acknowledged | undefined {
  return typeof th === 'string' && typeof o === 'number' ? [th, o] : undefined;
}

/**
 * The message that an unparsed frame would publish, or the request for a value, if its `d` comes last, as `threadcast/client` writes it. Empty if that cannot be seen.
 */
export function headOfPublish(data: Uint8Array, isBinary: boolean): { th?: string; id?: string } {
  const bytes = isBinary ? Math.max(0, headerEnd(data)) : Math.min(data.length, MOST_HEAD_BYTES);
  const head = Buffer.from(data.buffer, data.byteOffset, bytes).toString();
  const end = head.indexOf(',"d":');
  const { t, th, id } = parseObject(isBinary ? head : `${head.slice(0, Math.max(0, end))}}`) ?? {};
  return (t === 'pub' || t === 'val') && isId(th) && isId(id) ? { th, id } : {};
}

/** Undefined if it is no base64. */
function fromBase64(text: unknown): Uint8Array | undefined {
  if (typeof text !== 'string') return undefined;
  const bytes = Buffer.from(text, 'base64');
  return bytes.toString('base64') === text ? new Uint8Array(bytes) : undefined;
}

/** What is no text is no place either. */
const placeIn = (value: unknown): string | undefined => (value === undefined || typeof value === 'string' ? value : '');

const numberIn = (value: unknown): number | undefined => (typeof value === 'number' ? value : undefined);

/** What a client reads besides whole messages and text, as its frame says. */
interface Reads {
  readonly parts: unknown;
  readonly codecs: unknown;
  readonly late: unknown;
}

function joinRequestIn(s: unknown, { parts, codecs, late }: Reads, have: unknown, ref: unknown): JoinRequest {
  return {
    texts: positionsIn(s),
    reading: readingIn(codecs, late === true),
    parts: parts === true ? unfinishedIn(have) : undefined,
    ref: numberIn(ref),
  };
}

/** Names of codecs. Invalid or too many entries count as none. */
function readingIn(value: unknown, takesLate: boolean): ChunkReading | undefined {
  if (!Array.isArray(value)) return undefined;
  const names = value.slice(0, MOST_CODECS).filter((name) => isId(name));
  return names.length === 0 ? undefined : { codecs: new Set(names), takesLate };
}

/** The stream positions that the client reports. Invalid or too many entries count as none. */
function positionsIn(value: unknown): TextPositions | undefined {
  if (!isObject(value)) return undefined;
  const positions = new Map<string, number>();
  for (const id in value) {
    const at = value[id];
    if (positions.size >= MOST_STREAMS) break;
    if (!isId(id)) continue;
    if (typeof at === 'number' && Number.isSafeInteger(at) && at >= 0) positions.set(id, at);
  }
  return positions;
}

/** The message that the client has a part of; likewise. */
function unfinishedIn(have: unknown): PartsRequest {
  const { o, id, n, of } = isObject(have) ? have : {};
  const isRight = typeof n === 'number' && Number.isSafeInteger(n) && n >= 0 && isId(id);
  const unfinished =
    isRight && typeof o === 'number' && typeof of === 'number' ? { offset: o, id, next: n, of } : undefined;
  return { unfinished };
}
