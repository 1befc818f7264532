import { fieldsOf, isCount, isText, numberOf, textOf, type Fields } from './fields.ts';
import { parsePosition, type Position } from './position.ts';

/** A message on the wire. Without an offset it is volatile, in no log. */
export interface WireMessage {
  readonly id: string;
  readonly offset: number | undefined;
  readonly ahead: boolean;
  /** Milliseconds since 1970. */
  readonly at: number;
  /** Undefined for the end of the message that it is about. */
  readonly data: unknown;
  /** Id of an earlier message that it is a new version of, or the end. */
  readonly re: string | undefined;
  readonly trace: string | undefined;
}

/** A piece of a big message: part `n`, from 0, `of` so many. */
export interface WirePart {
  readonly id: string;
  readonly offset: number;
  readonly n: number;
  readonly of: number;
  /** A slice of the message's JSON. */
  readonly text: string;
  /** With the last one, as of a message. */
  readonly at: number;
  readonly re: string | undefined;
  readonly trace: string | undefined;
}

/** The fields of a join. */
export interface JoinFields {
  /** Undefined for the messages to the client's user. */
  readonly th: string | undefined;
  /** Comes back with the answer. */
  readonly ref: number;
  readonly from: string | undefined;
  /** How much the client has of token streams. */
  readonly s?: object | undefined;
  /** How much the client has of a big message. */
  readonly have?: object | undefined;
}

/** The server has let the client into a thread. */
export interface JoinedReply {
  readonly t: 'joined';
  readonly th: string;
  readonly position: Position;
  readonly recovered: number;
  /** Ids of the streams in progress. */
  readonly streams: readonly string[];
  /** Of the join that it answers; undefined if the application has joined. */
  readonly ref: number | undefined;
}

/** What the server sends about one thread. */
export type ThreadFrame =
  | JoinedReply
  | { readonly t: 'left'; readonly th: string; readonly why: string }
  | { readonly t: 'msg' | 'removed'; readonly th: string; readonly message: WireMessage }
  /** Without text, the stream is lost. */
  | {
      readonly t: 'tok';
      readonly th: string;
      readonly id: string;
      readonly at: number;
      readonly text: string | undefined;
    }
  | ({ readonly t: 'part'; readonly th: string } & WirePart)
  | { readonly t: 'gap'; readonly th: string; readonly why: string; readonly position: Position };

/** The answer to a published message. */
export interface PublishAnswer {
  readonly messageId: string;
  readonly position: string | undefined;
  readonly data: unknown;
}

/** What the server sends. */
export type ServerFrame =
  | ThreadFrame
  | { readonly t: 'log'; readonly isUp: boolean }
  | {
      readonly t: 'hello';
      readonly isUp: boolean;
      readonly pingMs: number | undefined;
      /** Over this time, in milliseconds, the server's clients come back after a crash. */
      readonly spreadMs: number | undefined;
      readonly maxBytes: number | undefined;
      /** Maximum entries of a list; undefined if the server accepts none. */
      readonly list: number | undefined;
    }
  | { readonly t: 'ok'; readonly th: string; readonly id: string; readonly answer: PublishAnswer }
  | {
      readonly t: 'err';
      readonly code: string;
      readonly th: string | undefined;
      /** Of a published message; undefined for other requests. */
      readonly id: string | undefined;
      readonly why: string | undefined;
      /** What is wrong in the message. */
      readonly paths: readonly string[];
      /** Of the join that it answers. */
      readonly ref: number | undefined;
    }
  | { readonly t: 'bye'; readonly retryMs: number }
  /** The session ends soon: the server waits for a fresh token. */
  | { readonly t: 'renew' };

/** The frame that a socket received; `ignored` for an unknown type, undefined for an invalid frame. */
export function parseFrame(data: unknown): ServerFrame | 'ignored' | undefined {
  const frame = fieldsOf(parseJson(textOf(data) ?? ''));
  if (frame === undefined) return undefined;
  const { t, at, o: offset, n, of, limits } = frame;
  const [th, id, text, s, why, code] = pick(frame, 'th id d s why code', textOf);
  const [ref, recovered = 0, retryMs = 0, pingMs, spreadMs] = pick(
    frame,
    'ref recovered retryMs pingMs spreadMs',
    numberOf,
  );
  const position = parsePosition(frame['pos']);
  switch (t) {
    case 'msg':
    case 'removed': {
      const message = readMessage(frame);
      return th !== undefined && message ? { t, th, message } : undefined;
    }
    case 'tok':
      if (th === undefined || s === undefined) return undefined;
      if (frame['lost'] === true) return { t, th, id: s, at: 0, text: undefined };
      return isCount(at) && text !== undefined ? { t, th, id: s, at, text } : undefined;
    case 'joined':
      return th !== undefined && position !== undefined
        ? { t, th, position, recovered, ref, streams: listOf(frame['streams']).filter(isText) }
        : undefined;
    case 'gap':
      return th !== undefined && position !== undefined ? { t, th, position, why: why ?? 'trimmed' } : undefined;
    case 'left':
      return th !== undefined ? { t, th, why: why ?? 'kicked' } : undefined;
    case 'part':
      return th !== undefined &&
        id !== undefined &&
        text !== undefined &&
        isCount(offset) &&
        isCount(n) &&
        isCount(of) &&
        n < of
        ? {
            t,
            th,
            id,
            offset,
            n,
            of,
            text,
            at: timeOf(frame['ts']),
            re: textOf(frame['re']),
            trace: textOf(frame['tp']),
          }
        : undefined;
    case 'log':
    case 'hello': {
      const [maxBytes, list] = pick(fieldsOf(limits) ?? {}, 'maxBytes list', numberOf);
      return { t, isUp: frame['up'] !== false, pingMs, spreadMs, maxBytes, list };
    }
    case 'ok':
      return th !== undefined && id !== undefined
        ? {
            t,
            th,
            id,
            answer: { messageId: textOf(frame['mid']) ?? id, position: textOf(frame['pos']), data: frame['d'] },
          }
        : undefined;
    case 'err':
      return code !== undefined
        ? { t, code, th, id, why, ref, paths: listOf(frame['paths']).filter(isText) }
        : undefined;
    case 'bye':
      return { t, retryMs };
    case 'renew':
      return { t };
    default:
      return isText(t) ? 'ignored' : undefined;
  }
}

/** What the client sends; undefined fields are left out. */
export type Request =
  /** Big messages may come in parts. */
  | ({ readonly t: 'join' | 'inbox'; readonly parts: true } & JoinFields)
  | { readonly t: 'cancel'; readonly th: string; readonly s: string }
  | { readonly t: 'leave'; readonly th: string }
  | { readonly t: 'renew'; readonly token: string }
  | { readonly t: 'ack'; readonly th: string; readonly o: number }
  /** The publication's `d` is added as the JSON that it is already. */
  | { readonly t: 'pub'; readonly th: string; readonly id: string; readonly tp: string | undefined };

/** The text of a request. */
export function encodeRequest(request: Request): string {
  return JSON.stringify(request);
}

/** The named fields, each as `read` returns it. */
function pick<T>(fields: Fields, names: string, read: (value: unknown) => T): T[] {
  return names.split(' ').map((name) => read(fields[name]));
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

const timeOf = (value: unknown): number => (isCount(value) ? value : Date.now());

function readMessage({ id, o, d, ahead, ts, re, tp }: Fields): WireMessage | undefined {
  const isLogged = isCount(o) && o > 0;
  if (!isText(id) || !(isLogged || o === undefined)) return undefined;
  return { id, offset: o, ahead: ahead === true, at: timeOf(ts), data: d, re: textOf(re), trace: textOf(tp) };
}

/** Undefined if the text is not JSON. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
