import { randomUUID } from 'node:crypto';
import type { Hub } from '../api/hub.ts';
import { ChatRun, type TurnRequest } from './chat-run.ts';
import type { ChatSettings } from './options.ts';

/** The answers that this process makes. */
export class ChatRuns {
  readonly #hub: Hub;
  readonly #settings: ChatSettings;
  readonly #runs = new Map<string, ChatRun>();
  #heldBytes = 0;

  constructor(hub: Hub, settings: ChatSettings) {
    this.#hub = hub;
    this.#settings = settings;
  }

  get size(): number {
    return this.#runs.size;
  }

  get isFull(): boolean {
    return this.#runs.size >= this.#settings.maxRuns;
  }

  /** Counts the bytes of a request until `release`; false if there are too many. */
  hold(bytes: number): boolean {
    if (this.#heldBytes + bytes > this.#settings.maxTotalRequestBytes) return false;
    this.#heldBytes += bytes;
    return true;
  }

  release(bytes: number): void {
    this.#heldBytes -= bytes;
  }

  /** Begins an answer. Its stream is known to the thread when this returns. @throws as `Thread.stream` */
  start(request: TurnRequest): ChatRun {
    const id = randomUUID();
    const run = new ChatRun(id, request, this.#hub.thread(request.threadId), this.#settings);
    this.#runs.set(id, run);
    // its messages live as long as it does
    this.#heldBytes += request.bytes;
    void run.over.then(() => {
      this.#runs.delete(id);
      this.#heldBytes -= request.bytes;
    });
    return run;
  }

  /** Stops the answers of a thread that this process makes. False if there is none. */
  cancel(threadId: string): boolean {
    const runs = [...this.#runs.values()].filter((run) => run.threadId === threadId);
    for (const run of runs) run.stop();
    return runs.length > 0;
  }
}
