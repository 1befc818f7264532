import { parsePosition } from '../infra/log/ids.ts';
import type { Word } from './words.ts';

/** The ids of a response's events: where its client stands. */
export interface Places {
  /** The id of the event for this word, before which it is called once for each in order; undefined if the word moves nothing. */
  idAfter(word: Word): string | undefined;
  /** Events of messages are the same for all clients for which this text is; undefined if they are its own. */
  readonly shared: string | undefined;
}

/** Of a client that keeps its positions by itself. */
export const noPlaces: Places = { idAfter: () => undefined, shared: '' };

/** One thread: the id is the position. */
export class ThreadPlaces implements Places {
  readonly #threadId: string;
  readonly #from: string | undefined;
  #epoch: string | undefined;
  #position: string | undefined;

  /** @param from where the client stood */
  constructor(threadId: string, from: string | undefined) {
    this.#threadId = threadId;
    this.#from = from;
  }

  /** The last one; undefined before the join. */
  get position(): string | undefined {
    return this.#position;
  }

  get shared(): string | undefined {
    return this.#epoch;
  }

  idAfter(word: Word): string | undefined {
    if (word.th !== this.#threadId) return undefined;
    if (word.pos !== undefined) return this.#placed(word, word.pos);
    if (word.o === undefined || this.#epoch === undefined) return undefined;
    return (this.#position = `${this.#epoch}.${word.o}.${word.id ?? ''}`);
  }

  /** A client that is cut off between `joined` and the `gap` after it keeps its own position, so that it hears of the gap again. */
  #placed({ t }: Word, position: string): string | undefined {
    this.#epoch = parsePosition(position).epoch;
    this.#position = position;
    return t === 'gap' || this.#from === undefined || this.#from === position ? position : undefined;
  }
}

const SEPARATOR = ',';

/** Several threads: the id has the positions of all, in the order of the request. An `EventSource` repeats that when it comes back. */
export class ManyPlaces implements Places {
  readonly #places: ReadonlyMap<string, ThreadPlaces>;
  readonly #positions: Map<string, string>;
  readonly shared = undefined;

  constructor(threads: readonly string[], from: readonly (string | undefined)[]) {
    this.#places = new Map(threads.map((threadId, i) => [threadId, new ThreadPlaces(threadId, from[i])]));
    this.#positions = new Map(threads.map((threadId, i) => [threadId, from[i] ?? '']));
  }

  idAfter(word: Word): string | undefined {
    const id = this.#places.get(word.th ?? '')?.idAfter(word);
    if (id === undefined || word.th === undefined) return undefined;
    this.#positions.set(word.th, id);
    return [...this.#positions.values()].join(SEPARATOR);
  }
}

/** The positions in an event id, one for each thread; undefined if their number is another one. */
export function positionsIn(id: string, threads: number): readonly (string | undefined)[] | undefined {
  const positions = id.split(SEPARATOR).map((position) => (position === '' ? undefined : position));
  return positions.length === threads ? positions : undefined;
}
