import { fork, type ChildProcess } from 'node:child_process';
import { constants, setPriority } from 'node:os';
import type { Flags } from '../flags.ts';
import { isNaiveReport, type NaiveReport } from './report.ts';

/** Ends by itself after this time: it takes a core, and a page may stay open over night. */
const LONGEST_MS = 180_000;

/** The load on a loop over `ws` beside the hub, while somebody wants to see it. */
export class Comparison {
  readonly #args: readonly string[];
  #child: ChildProcess | undefined;
  #timer: NodeJS.Timeout | undefined;
  #report: NaiveReport | undefined;

  constructor({ healthy, slow, stopped, small }: Flags) {
    this.#args = [`--healthy=${healthy}`, `--slow=${slow}`, `--stopped=${stopped}`, ...(small ? ['--small'] : [])];
  }

  /** Undefined while it is off. */
  get state(): { readonly isStarting: boolean; readonly report: NaiveReport | undefined } | undefined {
    return this.#child && { isStarting: this.#report === undefined, report: this.#report };
  }

  toggle(): void {
    if (this.#child) this.stop();
    else this.#start();
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#child?.disconnect();
    this.#forget();
  }

  #start(): void {
    const child = fork(new URL('./server.ts', import.meta.url), this.#args);
    this.#child = child;
    // neither may take the core from the hub, which is measured beside it
    if (child.pid !== undefined) setPriority(child.pid, constants.priority.PRIORITY_BELOW_NORMAL);
    child.on('message', (news: unknown) => {
      if (child === this.#child && isNaiveReport(news)) this.#report = news;
    });
    child.on('exit', () => {
      if (child === this.#child) this.#forget();
    });
    this.#timer = setTimeout(() => this.stop(), LONGEST_MS);
  }

  #forget(): void {
    this.#child = undefined;
    this.#report = undefined;
  }
}
