import { parsePosition, type Position } from './position.ts';
import { fieldsOf, isCount, isText, numberOf, textOf, type Fields } from './fields.ts';
import type { Older, OlderMessage } from './message.ts';

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
  /** True if other threads have it, too. */
  readonly many: unknown;
  readonly trace: string | undefined;
}

/** A piece of a big message: part `n`, from 0, `of` so many. */
export interface WirePart {
  /** Without data. Only the last part has all the facts. */
  readonly message: WireMessage;
  readonly n: number;
  readonly of: number;
  /** A slice of the message's JSON. */
  readonly text: string;
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
  /** The client reads the thread's values. */
  readonly values?: true | undefined;
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
  | { readonly t: 'page'; readonly th: string; readonly ref: number; readonly page: Older }
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
  /** Values of the thread, for those who understand them. */
  | { readonly t: 'vals'; readonly th: string; readonly l: unknown; readonly all: unknown }
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
      /** Maximum messages that a client may ask for; undefined if the server has no history for clients. */
      readonly history: number | undefined;
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

/** The frame that a socket received: a text, or what `threadcast/bytes` has read; `ignored` for an unknown type, undefined for an invalid frame. */
export function parseFrame(data: unknown): ServerFrame | 'ignored' | undefined {
  const frame = fieldsOf(isText(data) ? parseJson(data) : data);
  const { t, at = 0, n, of, up, d: answer, lost, streams, paths, limits, l, all, older } = frame;
  const [th, id, text, s, why, code, mid = id, pos] = pick(frame, 'th id d s why code mid pos', textOf);
  const [ref, recovered = 0, retryMs = 0, pingMs, spreadMs] = pick(
    frame,
    'ref recovered retryMs pingMs spreadMs',
    numberOf,
  );
  const position = parsePosition(pos);
  const message = readMessage(frame);
  switch (t) {
    case 'msg':
    case 'removed':
      return th && message ? { t, th, message } : undefined;
    case 'part':
      return th && message?.offset && isText(text) && isCount(n) && isCount(of) && n < of
        ? { t, th, message, n, of, text }
        : undefined;
    case 'tok':
      return th && s && isCount(at) && (lost || isText(text))
        ? { t, th, id: s, at, text: lost ? undefined : text }
        : undefined;
    case 'joined':
      return th && position ? { t, th, position, recovered, ref, streams: textsOf(streams) } : undefined;
    case 'vals':
      return th ? { t, th, l, all } : undefined;
    case 'gap':
      return th && position ? { t, th, position, why: why ?? 'trimmed' } : undefined;
    case 'page':
      return th && ref && Array.isArray(l)
        ? { t, th, ref, page: { messages: l.flatMap(readOlder), hasOlder: older === true } }
        : undefined;
    case 'left':
      return th ? { t, th, why: why ?? 'kicked' } : undefined;
    case 'log':
    case 'hello': {
      const [maxBytes, list, history] = pick(fieldsOf(limits), 'maxBytes list history', numberOf);
      return { t, isUp: up !== false, pingMs, spreadMs, maxBytes, list, history };
    }
    case 'ok':
      return th && id && mid ? { t, th, id, answer: { messageId: mid, position: pos, data: answer } } : undefined;
    case 'err':
      return code ? { t, code, th, id, why, ref, paths: textsOf(paths) } : undefined;
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
  | {
      readonly t: 'history';
      readonly th: string;
      readonly ref: number;
      /** A cursor. */
      readonly before: string | undefined;
      /** A position, where there is no cursor yet. */
      readonly until: string | undefined;
      readonly limit: number | undefined;
    }
  | { readonly t: 'renew'; readonly token: string }
  | { readonly t: 'ack'; readonly th: string; readonly o: number }
  /** The publication's `d` is added as the JSON that it is already. */
  | { readonly t: 'pub'; readonly th: string; readonly id: string; readonly tp: string | undefined };

/** The text of a request. */
export const encodeRequest: (request: Request) => string = JSON.stringify;

/** The named fields, each as `read` returns it. */
function pick<T>(fields: Fields, names: string, read: (value: unknown) => T): T[] {
  return names.split(' ').map((name) => read(fields[name]));
}

function textsOf(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.filter(isText) : [];
}

function readMessage(frame: Fields): WireMessage | undefined {
  const { o, d: data, ahead, many } = frame;
  const [id, re, trace] = pick(frame, 'id re tp', textOf);
  const [offset, at = Date.now()] = pick(frame, 'o ts', numberOf);
  return id && offset === o ? { id, offset, ahead: ahead === true, at, data, re, many, trace } : undefined;
}

function readOlder(entry: unknown): readonly OlderMessage[] {
  const fields = fieldsOf(entry);
  const message = readMessage(fields);
  const cursor = textOf(fields['cur']);
  if (!message || !cursor) return [];
  const [position = ''] = cursor.split('~');
  const { re: _, many: __, ...facts } = message;
  return [{ ...facts, cursor, position, bytes: numberOf(fields['bytes']), stream: undefined }];
}

/** Undefined if the text is not JSON. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
