import type { Entry } from '../../api/entry.ts';
import type { LogReset } from '../../api/log.ts';
import type { ThreadActor } from '../thread/thread.ts';

/** What news of a thread's log need from the hub. */
export interface NewsHost {
  onNotice(entry: Entry): void;
  onReset(threadId: string, reset: LogReset): void;
  report(error: unknown): void;
}

/**
 * What a log reports of one thread. A log may call it from its socket's event: an error is reported, and must not end the process. One object
 * for each thread: a process has a hundred thousand of them.
 */
export class ThreadNews {
  /** Undefined until the thread is open. */
  thread: ThreadActor | undefined;
  readonly #threadId: string;
  readonly #host: NewsHost;

  constructor(threadId: string, host: NewsHost) {
    this.#threadId = threadId;
    this.#host = host;
  }

  readonly onEntry = (entry: Entry): void => {
    try {
      this.thread?.onEntry(entry);
      if (entry.kind === 'notice') this.#host.onNotice(entry);
    } catch (error) {
      this.#host.report(error);
    }
  };

  readonly onNodeMessage = (message: string): void => {
    try {
      this.thread?.onNodeMessage(message);
    } catch (error) {
      this.#host.report(error);
    }
  };

  readonly onReset = (reset: LogReset): void => {
    try {
      this.#host.onReset(this.#threadId, reset);
    } catch (error) {
      this.#host.report(error);
    }
  };
}
