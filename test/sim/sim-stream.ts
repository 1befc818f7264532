import type { Clock, Hub } from '../../src/index.ts';
import { chunkAt, simCodec, textAt } from './contents.ts';
import type { Ledger } from './ledger.ts';

/** How a stream grows. */
export interface Growth {
  readonly chunks: number;
  readonly everyMs: number;
  readonly isChunks: boolean;
  /** So many more at once, at this place, after `prepare`. */
  readonly burst?: { readonly at: number; readonly chunks: number; readonly prepare: () => void } | undefined;
}

/** A stream of the application, of text or of chunks. */
export interface Growing {
  readonly id: string;
  readonly signal: AbortSignal;
  /** The chunk at this place. */
  write(place: number): void;
  end(): Promise<unknown>;
}

export function textIn(hub: Hub, threadId: string, n: number): Growing {
  const stream = hub.thread(threadId).stream();
  const { id, signal } = stream;
  return { id, signal, write: (place) => stream.append(textAt(n, place)), end: () => stream.end({ n }) };
}

export function chunksIn(hub: Hub, threadId: string, n: number): Growing {
  const stream = hub.thread(threadId).stream({ codec: simCodec });
  const { id, signal } = stream;
  return { id, signal, write: (place) => void stream.write(chunkAt(n, place)), end: () => stream.end() };
}

/** What a stream needs of its node. */
interface Publisher {
  readonly clock: Clock;
  readonly ledger: Ledger;
  during<T>(work: Promise<T>): Promise<T>;
}

/** How a stream may end otherwise than by its publisher. */
const FAIR = new Set(['TC_HUB_CLOSED', 'TC_THREAD_CLOSED', 'TC_STREAM_ENDED', 'TC_STREAM_EXISTS']);

/** Writes a stream piece by piece, as long as its process runs. */
export class GrowingStream {
  readonly #stream: Growing;
  readonly #number: number;
  readonly #growth: Growth;
  readonly #publisher: Publisher;
  /** Pieces of its burst. */
  #more = 0;
  #written = 0;

  constructor(stream: Growing, number: number, growth: Growth, publisher: Publisher) {
    this.#stream = stream;
    this.#number = number;
    this.#growth = growth;
    this.#publisher = publisher;
  }

  begin(): void {
    const { chunks, everyMs, isChunks, burst } = this.#growth;
    const { clock, ledger } = this.#publisher;
    if (this.#stream.signal.aborted) return;
    if (this.#written < chunks + this.#more) {
      this.#write();
      if (this.#written === burst?.at) this.#burst(burst);
      clock.setTimeout(() => this.begin(), everyMs);
      return;
    }
    this.#publisher.during(this.#stream.end()).then(
      () => ledger.note(isChunks ? 'chunks ended' : 'stream ended'),
      (error: unknown) => {
        const code = error instanceof Error && 'code' in error ? String(error.code) : '';
        const isAway = ledger.mayBeAway && code === 'TC_LOG_UNAVAILABLE';
        if (!FAIR.has(code) && !isAway) ledger.complain(`stream ${this.#number}: ${String(error)}`);
      },
    );
  }

  #burst({ chunks, prepare }: NonNullable<Growth['burst']>): void {
    prepare();
    this.#more = chunks;
    for (let i = 0; i < chunks && !this.#stream.signal.aborted; i++) this.#write();
  }

  #write(): void {
    this.#stream.write(this.#written);
    this.#publisher.ledger.streams.wrote(this.#stream.id, this.#written++);
  }
}
