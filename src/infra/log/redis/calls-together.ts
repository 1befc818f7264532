import { asArray } from './codec.ts';
import type { Script } from './scripts.ts';

/** Maximum work of one command, in calls or messages, during which Redis does nothing else: some hundred microseconds. */
const MOST_TOGETHER = 64;
const MOST_BYTES_TOGETHER = 128 * 1024;

/** What a call adds to the command of many. */
export interface CallWeight {
  /** How many ordinary calls it is worth. */
  readonly calls: number;
  /** Bytes of its large arguments. */
  readonly bytes: number;
}

export type Argument = string | Buffer;
type RunScript = (script: Script, keys: readonly string[], args: readonly Argument[]) => Promise<unknown>;

interface Together {
  readonly script: Script;
  readonly keys: string[];
  readonly args: Argument[];
  readonly replies: PromiseWithResolvers<readonly unknown[]>;
  size: number;
  weight: number;
  bytes: number;
}

const ONE_CALL: CallWeight = { calls: 1, bytes: 0 };

/**
 * Calls of one script for many threads, made in one turn of the event loop, are one command: a client that joins sixty threads, or a sweep
 * over thousands, would otherwise cost a command for each. Not for a cluster, where a command names one key.
 */
export class CallsTogether {
  readonly #run: RunScript;
  /** Another map once it is empty: see `freshIfEmpty`. */
  #open = new Map<string, Together>();
  #unanswered = 0;

  constructor(run: RunScript) {
    this.#run = run;
  }

  /** Calls that wait for their answers. */
  get unanswered(): number {
    return this.#unanswered;
  }

  /** What was asked for so far is sent now: what follows must not overtake it. */
  flush(): void {
    for (const [name, together] of this.#open) this.#send(name, together);
  }

  /**
   * @param script runs all of them, and replies with an array of one reply for each
   * @param shared arguments that come once, before those of the single calls
   */
  call(
    script: Script,
    shared: readonly string[],
    keys: readonly string[],
    args: readonly Argument[],
    { calls, bytes }: CallWeight = ONE_CALL,
  ): Promise<unknown> {
    const name = `${script.sha} ${shared.join(' ')}`;
    let together = this.#open.get(name);
    if (together !== undefined && isFull(together, calls, bytes)) {
      this.#send(name, together);
      together = undefined;
    }
    together ??= this.#begin(name, script, shared);
    const at = together.size++;
    together.weight += calls;
    together.bytes += bytes;
    this.#unanswered++;
    together.keys.push(...keys);
    for (const arg of args) together.args.push(arg);
    if (isFull(together, 1, 0)) this.#send(name, together);
    return together.replies.promise.then((replies) => replies[at]);
  }

  #begin(name: string, script: Script, shared: readonly string[]): Together {
    const together = {
      script,
      keys: [],
      args: [...shared],
      replies: Promise.withResolvers<readonly unknown[]>(),
      size: 0,
      weight: 0,
      bytes: 0,
    };
    this.#open.set(name, together);
    queueMicrotask(() => this.#send(name, together));
    return together;
  }

  #send(name: string, together: Together): void {
    // it was full
    if (this.#open.get(name) !== together) return;
    this.#open.delete(name);
    if (this.#open.size === 0) this.#open = new Map();
    const { script, keys, args, replies } = together;
    const answered = (): void => {
      this.#unanswered -= together.size;
    };
    this.#run(script, keys, args).then(
      (reply) => {
        answered();
        settle(replies, reply);
      },
      (error: unknown) => {
        answered();
        replies.reject(error);
      },
    );
  }
}

/** One more call would be too much for the command. */
const isFull = ({ weight, bytes }: Together, calls: number, more: number): boolean =>
  weight + calls > MOST_TOGETHER || bytes + more > MOST_BYTES_TOGETHER;

/** Rejects if Redis has not answered with an array. */
function settle(replies: PromiseWithResolvers<readonly unknown[]>, reply: unknown): void {
  try {
    replies.resolve(asArray(reply));
  } catch (error) {
    replies.reject(error);
  }
}
