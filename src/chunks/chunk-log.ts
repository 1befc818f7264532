import type { Codec } from '../api/definition.ts';
import { isCount, isText, type Fields } from '../client/fields.ts';
import { parseJson } from '../client/frames.ts';

/** A chunk as the server sent it. */
export type Json = ReturnType<typeof JSON.parse>;

/** What a stream has more than before. */
export interface ChunkUpdate<Chunk = unknown> {
  /** At least one, or none after a reset. */
  readonly chunks: readonly Chunk[];
  /** The server has begun anew: these are the chunks from the first one on, and those that were given before count no more. */
  readonly isReset: boolean;
  /** Positions of big chunks that these have passed: they come with a later update. */
  readonly late: readonly number[];
}

/** What a log needs from its client. */
export interface ChunkLogHost {
  /** Bytes of one stream, as its codec counts them. */
  readonly maxBytes: number;
  report(error: unknown): void;
}

/** A reader, with what it has not been given yet. */
interface Reader {
  held: Json[];
  late: number[];
  hasGiven: boolean;
  isReset: boolean;
}

/** The chunks of one stream, as far as they have arrived. */
export class ChunkLog {
  /** Undefined before the first frame. */
  codec: Codec | undefined;
  /** As the codec folds them, without transient ones; a new list with each frame. A big chunk that others have passed comes after them. */
  chunks: readonly Json[] = [];
  /** The position: chunks received, each counted as what it was before it was folded. */
  at = 0;
  readonly #host: ChunkLogHost;
  readonly #readers = new Set<Reader>();
  readonly #waiting: (() => void)[] = [];
  /** Pieces of big chunks that others have passed, by their positions. */
  readonly #late = new Map<number, string[]>();
  #bytes = 0;
  #isOver = false;

  constructor(host: ChunkLogHost) {
    this.#host = host;
  }

  /** The position to go on from after a reconnect: where a big chunk is missing, the beginning. */
  get place(): number {
    return this.#late.size > 0 ? 0 : this.at;
  }

  /** A frame of the server; false if it does not follow. */
  receive({ at, to, d, late }: Fields, codec: Codec): boolean {
    const isReset = at === 0 && this.at > 0;
    if (this.#isOver || !isCount(to) || to < Number(at) || !Array.isArray(d) || (at !== this.at && !isReset))
      return false;
    this.codec = codec;
    if (isReset) this.#reset();
    this.at = to;
    for (const place of Array.isArray(late) ? late : []) if (isCount(place)) this.#pass(place);
    const chunks = [...this.chunks];
    for (const chunk of d) this.#put(chunk, codec, chunks);
    this.chunks = chunks;
    this.#stir();
    return true;
  }

  #pass(place: number): void {
    this.#late.set(place, []);
    for (const { late } of this.#readers) late.push(place);
  }

  /** A piece of a big chunk; false if it does not follow. */
  receivePiece({ at, n, of, d }: Fields, codec: Codec): boolean {
    const pieces = isCount(at) ? this.#late.get(at) : undefined;
    if (this.#isOver || pieces === undefined || n !== pieces.length || !isText(d)) return false;
    this.#bytes += d.length;
    // the final message has all of it
    pieces.push(this.#bytes > this.#host.maxBytes ? '' : d);
    if (pieces.length !== of) return true;
    this.#late.delete(Number(at));
    this.#bytes -= pieces.reduce((sum, piece) => sum + piece.length, 0);
    const chunk = parseJson(pieces.join(''));
    const chunks = [...this.chunks];
    if (chunk !== undefined) this.#put(chunk, codec, chunks);
    this.chunks = chunks;
    this.#stir();
    return true;
  }

  /** Nothing more comes. */
  end(): void {
    this.#isOver = true;
    this.#stir();
  }

  /** From the beginning to the end; nothing for a stream of another codec. */
  async *updates(codec: Codec): AsyncGenerator<ChunkUpdate<Json>, void, undefined> {
    while (this.codec === undefined && !this.#isOver) await this.#more();
    if (this.codec?.name !== codec.name) return;
    const reader: Reader = { held: [...this.chunks], late: [...this.#late.keys()], hasGiven: false, isReset: false };
    this.#readers.add(reader);
    try {
      for (;;) {
        const { held, isReset, late } = reader;
        if (held.length > 0 || isReset) {
          Object.assign(reader, { held: [], late: [], hasGiven: true, isReset: false });
          yield { chunks: held, isReset, late };
        } else if (this.#isOver) return;
        else await this.#more();
      }
    } finally {
      this.#readers.delete(reader);
    }
  }

  #more(): Promise<void> {
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  #stir(): void {
    for (const wake of this.#waiting.splice(0)) wake();
  }

  #reset(): void {
    this.chunks = [];
    this.#late.clear();
    this.#bytes = 0;
    for (const reader of this.#readers) {
      reader.held = [];
      reader.late = [];
      reader.isReset = reader.hasGiven;
    }
  }

  #put(chunk: Json, codec: Codec, chunks: Json[]): void {
    this.#bytes += Number(this.#ask(() => codec.sizeOf(chunk))) || 0;
    // the final message has all of it
    if (this.#bytes > this.#host.maxBytes) return;
    const isTransient = (other: Json): boolean => this.#ask(() => codec.isTransient?.(other)) === true;
    const lists = [...this.#readers].map(({ held }) => held);
    if (!isTransient(chunk)) lists.push(chunks);
    for (const list of lists) {
      const isApart = list.length === 0 || isTransient(list.at(-1)) || isTransient(chunk);
      const both = isApart ? undefined : this.#ask(() => codec.fold(list.at(-1), chunk));
      if (both === undefined) list.push(chunk);
      else list[list.length - 1] = both;
    }
  }

  /** A codec is the application's: what it throws must not stop the client. */
  #ask(question: () => unknown): unknown {
    try {
      return question();
    } catch (error) {
      this.#host.report(error);
      return undefined;
    }
  }
}
