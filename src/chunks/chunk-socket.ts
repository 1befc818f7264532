import { fieldsOf, isText, textOf, type Fields } from '../client/fields.ts';
import { parseJson } from '../client/frames.ts';
import type { WebSocketLike } from '../client/socket.ts';
import type { ChunkFeed } from './chunk-feed.ts';

type EventType = Parameters<WebSocketLike['addEventListener']>[0];

/** The feeds by their threads. */
export type Feeds = ReadonlyMap<string, ChunkFeed>;

/**
 * A socket of the client whose threads read chunks: joins name the codecs, and frames of chunks go to the feeds. The client learns that the
 * stream has begun, and handles everything else of it: its end, a gap, a cancel.
 */
export class ChunkSocket implements WebSocketLike {
  readonly #socket: WebSocketLike;
  readonly #feeds: Feeds;

  constructor(socket: WebSocketLike, feeds: Feeds) {
    this.#socket = socket;
    this.#feeds = feeds;
  }

  get readyState(): number {
    return this.#socket.readyState;
  }

  send(text: string): void {
    if (!text.startsWith('{"t":"join')) return this.#socket.send(text);
    const frame = fieldsOf(parseJson(text));
    if (frame['t'] === 'join') return this.#socket.send(JSON.stringify(this.#joining(frame)));
    return this.#sendList(frame);
  }

  close(code?: number, reason?: string): void {
    this.#socket.close(code, reason);
  }

  addEventListener(type: EventType, listener: (event: unknown) => void): void {
    this.#socket.addEventListener(type, type === 'message' ? (event) => listener(this.#received(event)) : listener);
  }

  #joining(join: Fields): Fields {
    return this.#feeds.get(textOf(join['th']) ?? '')?.joining(join) ?? join;
  }

  /** A list has no place for codecs: those joins go alone. */
  #sendList({ l, ...rest }: Fields): void {
    const entries: unknown[] = Array.isArray(l) ? l : [];
    const isAlone = (entry: unknown): entry is unknown[] => Array.isArray(entry) && this.#feeds.has(String(entry[0]));
    const listed = entries.filter((entry) => !isAlone(entry));
    if (listed.length > 0) this.#socket.send(JSON.stringify({ ...rest, l: listed }));
    for (const [th, ref, from, s, have, values] of entries.filter(isAlone)) {
      const given = Object.entries({ ref, from, s, have, values }).filter(
        ([, value]) => value !== undefined && value !== null,
      );
      const join = { t: 'join', th, ...Object.fromEntries(given), parts: true };
      this.#socket.send(JSON.stringify(this.#joining(join)));
    }
  }

  /** A frame of chunks becomes one that says that the stream is there. */
  #received(event: unknown): unknown {
    const { data } = fieldsOf(event);
    if (!isText(data) || !data.startsWith('{"t":"chunks"')) return event;
    const frame = fieldsOf(parseJson(data));
    const { th, s } = frame;
    if (!isText(th) || this.#feeds.get(th)?.receive(frame) !== true) return event;
    return { data: JSON.stringify({ t: 'tok', th, s, at: 0, d: '' }) };
  }
}
