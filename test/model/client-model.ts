import { readPosition, type Part, type Word } from './wire.ts';

interface Progress {
  epoch: string;
  position: string | undefined;
  /** Messages that the client has, and whether they came ahead. */
  readonly got: Map<string, 'ahead' | 'in order'>;
  /** The message that has come in parts so far. */
  unfinished: { o: number; id: string; n: number; of: number } | undefined;
}

/**
 * A client as the protocol describes it, without our code: keeps the epoch from `joined`, `o` and `id` from each message, and
 * comes back with them. Whatever its connections go through, it must not be given anything twice.
 */
export class ClientModel {
  readonly name: string;
  /** It takes big messages in parts, where it asks for a thread itself. */
  readonly takesParts: boolean;
  readonly #complain: (what: string) => void;
  readonly #threads = new Map<string, Progress>();

  constructor(name: string, takesParts: boolean, complain: (what: string) => void) {
    this.name = name;
    this.takesParts = takesParts;
    this.#complain = complain;
  }

  position(thread: string): string | undefined {
    return this.#threads.get(thread)?.position;
  }

  /** What it adds to a join. */
  partsRequest(thread: string): object {
    return this.takesParts ? { parts: true, have: this.#threads.get(thread)?.unfinished } : {};
  }

  /** It asks for another place than where it stands: what it has got says nothing any more. */
  forget(thread: string): void {
    this.#threads.delete(thread);
  }

  take(word: Word): void {
    if (word.t === 'other') return;
    const progress = this.#of(word.th);
    if (word.t === 'part') {
      this.#onPart(progress, word);
      return;
    }
    if (word.t === 'joined' || word.t === 'gap') {
      if (word.t === 'gap') progress.unfinished = undefined;
      const { epoch } = readPosition(word.pos);
      if (epoch !== progress.epoch) progress.got.clear();
      progress.epoch = epoch;
      progress.position = word.pos;
      return;
    }
    if (word.o > 0 && !word.isAhead) progress.unfinished = undefined;
    // a key is used again once its message has been forgotten
    const key = `${word.o} ${word.id}`;
    const had = progress.got.get(key);
    if (had === 'in order') this.#complain(`${this.name} got ${word.th} ${word.o} ${word.id} twice`);
    if (word.o === 0 || !word.isAhead) progress.got.set(key, 'in order');
    else progress.got.set(key, 'ahead');
    if (word.o > 0 && !word.isAhead) progress.position = `${progress.epoch}.${word.o}.${word.id}`;
  }

  /** From the first, or on from what it has: the text is whole in any case. */
  #onPart(progress: Progress, { th, o, id, n, of }: Part): void {
    const { unfinished } = progress;
    const isNext = unfinished?.o === o && unfinished.id === id && unfinished.n === n && unfinished.of === of;
    if (!isNext && n > 0) this.#complain(`${this.name} got part ${n} of ${th} ${o}, has ${JSON.stringify(unfinished)}`);
    progress.unfinished = { o, id, n: n + 1, of };
  }

  #of(thread: string): Progress {
    let progress = this.#threads.get(thread);
    if (progress === undefined) {
      progress = { epoch: '', position: undefined, got: new Map(), unfinished: undefined };
      this.#threads.set(thread, progress);
    }
    return progress;
  }
}
