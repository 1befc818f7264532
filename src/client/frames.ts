import { fieldsOf, isCount, isText, numberOf, textOf } from './fields.ts';
import { parsePosition, type Position } from './position.ts';

/** A message as it is on the wire; without an offset it is volatile, in no log. */
export interface WireMessage {
  readonly id: string;
  readonly offset: number | undefined;
  readonly ahead: boolean;
  readonly data: unknown;
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
  /** With the last one. */
  readonly trace: string | undefined;
}

/** What a join asks for. */
export interface JoinWish {
  /** Undefined for what is sent to the client's user. */
  readonly th: string | undefined;
  /** Comes back with the answer. */
  readonly ref: number;
  readonly from: string | undefined;
  /** What is here of token streams. */
  readonly s?: object | undefined;
  /** What is here of a big message. */
  readonly have?: object | undefined;
}

/** The server has let the client into a thread. */
export interface JoinedFrame {
  readonly t: 'joined';
  readonly th: string;
  readonly position: Position;
  readonly recovered: number;
  /** Of the join that it answers; undefined where the application has joined. */
  readonly ref: number | undefined;
}

/** What the server says about one thread. */
export type ThreadFrame =
  | JoinedFrame
  | { readonly t: 'left'; readonly th: string; readonly why: string }
  | { readonly t: 'messages'; readonly th: string; readonly messages: readonly WireMessage[] }
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

/** What became of a published message. */
export interface PublishAnswer {
  readonly messageId: string;
  readonly position: string | undefined;
}

/** What the server says. */
export type ServerFrame =
  | ThreadFrame
  | { readonly t: 'log'; readonly isUp: boolean }
  | {
      readonly t: 'hello';
      readonly isUp: boolean;
      readonly pingMs: number | undefined;
      readonly maxBytes: number | undefined;
      /** Entries of a list; undefined where the server takes none. */
      readonly list: number | undefined;
    }
  | { readonly t: 'ok'; readonly th: string; readonly id: string; readonly answer: PublishAnswer }
  | {
      readonly t: 'err';
      readonly code: string;
      readonly th: string | undefined;
      /** Of a message that was published; undefined for other requests. */
      readonly id: string | undefined;
      readonly why: string | undefined;
      /** Of the join that it answers. */
      readonly ref: number | undefined;
    }
  | { readonly t: 'bye'; readonly retryMs: number };

/** The frame in what a socket received; `ignored` for a word that this version does not know, undefined for no frame at all. */
export function parseFrame(data: unknown): ServerFrame | 'ignored' | undefined {
  const frame = isText(data) ? fieldsOf(parseJson(data)) : undefined;
  if (frame === undefined) return undefined;
  const { t, th, id, pos, m, code, why, retryMs, recovered, ref, s, at, d, up } = frame;
  switch (t) {
    case 'msg':
    case 'batch': {
      const messages = (t === 'msg' ? [frame] : Array.isArray(m) ? m : [undefined]).map(readMessage);
      const known = messages.filter((message) => message !== undefined);
      return isText(th) && known.length === messages.length ? { t: 'messages', th, messages: known } : undefined;
    }
    case 'tok':
      if (!isText(th) || !isText(s)) return undefined;
      if (frame['lost'] === true) return { t, th, id: s, at: 0, text: undefined };
      return isCount(at) && isText(d) ? { t, th, id: s, at, text: d } : undefined;
    case 'joined':
    case 'gap': {
      const position = parsePosition(pos);
      if (!isText(th) || position === undefined) return undefined;
      if (t === 'joined') return { t, th, position, recovered: numberOf(recovered) ?? 0, ref: numberOf(ref) };
      return { t, th, position, why: textOf(why) ?? 'trimmed' };
    }
    case 'left':
      return isText(th) ? { t, th, why: textOf(why) ?? 'kicked' } : undefined;
    case 'part': {
      const { o: offset, n, of, d: text } = frame;
      const isWhole =
        isText(th) && isText(id) && isText(text) && isCount(offset) && isCount(n) && isCount(of) && n < of;
      return isWhole ? { t, th, id, offset, n, of, text, trace: textOf(frame['tp']) } : undefined;
    }
    case 'log':
    case 'hello': {
      const { maxBytes, list } = fieldsOf(frame['limits']) ?? {};
      const [pingMs, most, entries] = [frame['pingMs'], maxBytes, list].map(numberOf);
      return { t, isUp: up !== false, pingMs, maxBytes: most, list: entries };
    }
    case 'ok':
      return isText(th) && isText(id)
        ? { t, th, id, answer: { messageId: textOf(frame['mid']) ?? id, position: textOf(pos) } }
        : undefined;
    case 'err':
      return isText(code)
        ? { t, code, th: textOf(th), id: textOf(id), why: textOf(why), ref: numberOf(ref) }
        : undefined;
    case 'bye':
      return { t, retryMs: numberOf(retryMs) ?? 0 };
    default:
      return isText(t) ? 'ignored' : undefined;
  }
}

/** What the client says. */
export const requests = {
  /** Big messages may come in parts. */
  join: (wish: JoinWish): string => JSON.stringify({ t: 'join', ...wish, parts: true }),
  /** @param list the JSON of `[[th, ref, from?, s?, have?], …]` */
  joins: (list: string): string => `{"t":"joins","parts":true,"l":${list}}`,
  inbox: (wish: JoinWish): string => JSON.stringify({ t: 'inbox', ...wish, parts: true }),
  cancel: (th: string, s: string): string => JSON.stringify({ t: 'cancel', th, s }),
  leave: (th: string): string => JSON.stringify({ t: 'leave', th }),
  ack: (th: string, o: number): string => JSON.stringify({ t: 'ack', th, o }),
  /** @param list the JSON of `[[th, o], …]` */
  acks: (list: string): string => `{"t":"acks","l":${list}}`,
  publish: (th: string, id: string, json: string, tp: string | undefined): string =>
    `${JSON.stringify({ t: 'pub', th, id, tp }).slice(0, -1)},"d":${json}}`,
};

function readMessage(value: unknown): WireMessage | undefined {
  const { id, o, d, ahead, tp } = fieldsOf(value) ?? {};
  const isLogged = isCount(o) && o > 0;
  if (!isText(id) || !(isLogged || o === undefined)) return undefined;
  return { id, offset: o, ahead: ahead === true, data: d, trace: textOf(tp) };
}

/** Undefined for what is no JSON. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
