import { checkOptions } from './check-options.ts';
import { ClientClosedError, ServerError } from './errors.ts';
import type { HistoryOptions, Older } from './api.ts';
import type { ThreadHost } from './thread-host.ts';

/** The thread, as its older messages see it. */
export interface OlderHost {
  readonly id: string;
  readonly isJoined: boolean;
  /** Where live messages begin. */
  readonly start: string | undefined;
}

/** The messages before those that a thread has given, page by page. */
export class OlderMessages {
  readonly #host: ThreadHost;
  readonly #thread: OlderHost;
  /** The cursor of the oldest message that was loaded. */
  #oldest: string | undefined;
  #isEnded = false;
  /** The newest request: they are performed one at a time. */
  #last: Promise<Older> | undefined;
  #limit: number | undefined;
  /** Of the newest question. */
  #ref = 0;
  /** Undefined unless a question waits for its answer. */
  #settle: ((answer: Older | Error) => void) | undefined;

  constructor(host: ThreadHost, thread: OlderHost) {
    this.#host = host;
    this.#thread = thread;
  }

  async load(options: HistoryOptions = {}): Promise<Older> {
    const { limit } = checkOptions<HistoryOptions>(options, { limit: 1 });
    const load = (): Promise<Older> =>
      new Promise((resolve, reject) => {
        this.#limit = limit;
        this.#settle = (answer) => {
          this.#settle = undefined;
          if (answer instanceof Error) reject(answer);
          else {
            this.#oldest = answer.messages[0]?.cursor ?? this.#oldest;
            resolve(answer);
          }
        };
        this.ask();
      });
    this.#last = this.#last?.then(load, load) ?? load();
    return this.#last;
  }

  /** The thread has been joined, perhaps anew. */
  ask(): void {
    const { id, isJoined, start } = this.#thread;
    const host = this.#host;
    if (this.#isEnded) this.#settle?.(new ClientClosedError({ action: 'loadOlder' }));
    if (!isJoined || !this.#settle) return;
    const ref = (this.#ref = ++host.joins.refs);
    if (host.hasHistory)
      host.send({ t: 'history', th: id, ref, before: this.#oldest, until: start, limit: this.#limit });
    else this.#settle(new ServerError({ reason: 'unsupported', threadId: id }));
  }

  /** False if it has not asked that. */
  answer(ref: number, answer: Older | Error): boolean {
    const isAsked = ref === this.#ref;
    if (isAsked) this.#settle?.(answer);
    return isAsked;
  }

  end(): void {
    this.#isEnded = true;
    this.ask();
  }
}
