import { asArray } from './codec.ts';
import type { Script } from './scripts.ts';

/** Maximum calls of one command, during which Redis does nothing else: some hundred microseconds. */
const MOST_TOGETHER = 64;

interface Together {
  readonly script: Script;
  readonly shared: readonly string[];
  readonly keys: string[];
  readonly args: string[];
  readonly replies: PromiseWithResolvers<readonly unknown[]>;
  size: number;
}

/**
 * Calls of one script for many threads, made in one turn of the event loop, are one command: a client that joins sixty threads, or a sweep
 * over thousands, would otherwise cost a command for each. Not for a cluster, where a command names one key.
 */
export class CallsTogether {
  readonly #run: (script: Script, keys: readonly string[], args: readonly string[]) => Promise<unknown>;
  readonly #open = new Map<string, Together>();
  #unanswered = 0;

  constructor(run: (script: Script, keys: readonly string[], args: readonly string[]) => Promise<unknown>) {
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
  call(script: Script, shared: readonly string[], keys: readonly string[], args: readonly string[]): Promise<unknown> {
    const name = `${script.sha} ${shared.join(' ')}`;
    const together = this.#open.get(name) ?? this.#begin(name, script, shared);
    const at = together.size++;
    this.#unanswered++;
    together.keys.push(...keys);
    together.args.push(...args);
    if (together.size === MOST_TOGETHER) this.#send(name, together);
    return together.replies.promise.then((replies) => replies[at]);
  }

  #begin(name: string, script: Script, shared: readonly string[]): Together {
    const together = {
      script,
      shared,
      keys: [],
      args: [],
      replies: Promise.withResolvers<readonly unknown[]>(),
      size: 0,
    };
    this.#open.set(name, together);
    queueMicrotask(() => this.#send(name, together));
    return together;
  }

  #send(name: string, together: Together): void {
    // it was full
    if (this.#open.get(name) !== together) return;
    this.#open.delete(name);
    const { script, shared, keys, args, replies } = together;
    this.#run(script, keys, [...shared, ...args])
      .finally(() => (this.#unanswered -= together.size))
      .then((reply) => replies.resolve(asArray(reply)), replies.reject);
  }
}
