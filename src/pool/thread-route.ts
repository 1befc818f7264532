import type { ClientThread, JoinOptions } from '../client/api.ts';
import { JoinedThread } from '../client/thread.ts';
import type { HubLine } from './hub-line.ts';
import { LineHost, type RouteHost } from './line-host.ts';
import { hashOf } from './rendezvous.ts';

/** The joins of a thread, and the line that they use now. */
export class ThreadRoute extends LineHost {
  readonly threadId: string;
  readonly hash: number;
  readonly #onOver: (route: ThreadRoute) => void;
  #joins: readonly JoinedThread[] = [];

  /** @param onOver the last join has ended */
  constructor(threadId: string, host: RouteHost, onOver: (route: ThreadRoute) => void) {
    super(host);
    this.threadId = threadId;
    this.hash = hashOf(threadId);
    this.#onOver = onOver;
  }

  /** One more join. @throws InvalidOptionError */
  open({ from, onGap, onProgress }: JoinOptions): ClientThread {
    const thread = new JoinedThread(this.threadId, from, this, 'own');
    this.#joins = [...this.#joins, thread];
    if (onGap) thread.on('gap', onGap);
    if (onProgress) thread.on('progress', onProgress);
    this.line?.add(thread);
    return thread;
  }

  /**
   * Goes on over another line, each join from its position, or waits for one.
   * @param isOld whether the line that it leaves goes on without it
   */
  moveTo(line: HubLine | undefined, isOld: boolean): void {
    const old = this.line;
    if (old === line) return;
    if (old !== undefined && isOld) this.send({ t: 'leave', th: this.threadId });
    for (const thread of this.#joins) {
      old?.delete(thread);
      if (old !== undefined) thread.suspend();
    }
    this.line = line;
    if (line !== undefined) for (const thread of this.#joins) line.add(thread);
  }

  end(): void {
    for (const thread of this.#joins) thread.end();
  }

  // --- the joins call

  joinsOf(): readonly JoinedThread[] {
    return this.#joins;
  }

  delete(thread: JoinedThread): void {
    this.line?.delete(thread);
    this.#joins = this.#joins.filter((join) => join !== thread);
    if (this.#joins.length === 0) this.#onOver(this);
  }
}
