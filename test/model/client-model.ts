import { readPosition, type Word } from './wire.ts';

interface Progress {
  epoch: string;
  position: string | undefined;
  /** Messages that the client has, and whether they came ahead. */
  readonly got: Map<string, 'ahead' | 'in order'>;
}

/**
 * A client as the protocol describes it, without our code: keeps the epoch from `joined`, `o` and `id` from each message, and
 * comes back with them. Whatever its connections go through, it must not be given anything twice.
 */
export class ClientModel {
  readonly name: string;
  readonly #complain: (what: string) => void;
  readonly #threads = new Map<string, Progress>();

  constructor(name: string, complain: (what: string) => void) {
    this.name = name;
    this.#complain = complain;
  }

  position(thread: string): string | undefined {
    return this.#threads.get(thread)?.position;
  }

  /** It asks for another place than where it stands: what it has got says nothing any more. */
  forget(thread: string): void {
    this.#threads.delete(thread);
  }

  take(word: Word): void {
    if (word.t === 'other') return;
    const progress = this.#of(word.th);
    if (word.t === 'joined' || word.t === 'gap') {
      const { epoch } = readPosition(word.pos);
      if (epoch !== progress.epoch) progress.got.clear();
      progress.epoch = epoch;
      progress.position = word.pos;
      return;
    }
    // a key is used again once its message has been forgotten
    const key = `${word.o} ${word.id}`;
    const had = progress.got.get(key);
    if (had === 'in order') this.#complain(`${this.name} got ${word.th} ${word.o} ${word.id} twice`);
    if (word.o === 0 || !word.isAhead) progress.got.set(key, 'in order');
    else progress.got.set(key, 'ahead');
    if (word.o > 0 && !word.isAhead) progress.position = `${progress.epoch}.${word.o}.${word.id}`;
  }

  #of(thread: string): Progress {
    let progress = this.#threads.get(thread);
    if (progress === undefined) {
      progress = { epoch: '', position: undefined, got: new Map() };
      this.#threads.set(thread, progress);
    }
    return progress;
  }
}
