import type { AckQueue } from '../client/ack-queue.ts';
import type { JoinOptions } from '../client/api.ts';
import { encodeRequest, type Request } from '../client/frames.ts';
import type { JoinQueue } from '../client/join-queue.ts';
import type { ClientSettings } from '../client/options.ts';
import type { ThreadHost } from '../client/thread-host.ts';
import { JoinedThread } from '../client/thread.ts';
import type { HubLine } from './hub-line.ts';
import { hashOf } from './rendezvous.ts';

/** What threads share, whichever line they use. */
export interface RouteHost {
  readonly threadSettings: ClientSettings;
  /** For threads without a line: nothing leaves them. */
  readonly parked: { readonly joins: JoinQueue; readonly acks: AckQueue };
  isFirst(id: string, threadId: string, isGiven: boolean): boolean;
  request(threadId: string, id: string, text: string, timeoutMs?: number): Promise<unknown>;
  report(error: unknown): void;
  /** The thread is over. */
  forget(route: ThreadRoute): void;
}

/** A thread, and the line that it uses now. */
export class ThreadRoute implements ThreadHost {
  readonly thread: JoinedThread;
  readonly hash: number;
  hasHistory = false;
  readonly #host: RouteHost;
  #line: HubLine | undefined;

  /** @throws InvalidOptionError */
  constructor(threadId: string, options: JoinOptions, host: RouteHost) {
    this.#host = host;
    this.hash = hashOf(threadId);
    const { from, onGap, onProgress } = options;
    this.thread = new JoinedThread(threadId, from, this, 'own');
    if (onGap) this.thread.on('gap', onGap);
    if (onProgress) this.thread.on('progress', onProgress);
  }

  get line(): HubLine | undefined {
    return this.#line;
  }

  /**
   * Goes on over another line, from the thread's position, or waits for one.
   * @param isOld whether the line that it leaves goes on without it
   */
  moveTo(line: HubLine | undefined, isOld: boolean): void {
    const old = this.#line;
    if (old === line) return;
    if (old !== undefined && isOld) this.send({ t: 'leave', th: this.thread.id });
    old?.delete(this.thread);
    if (old !== undefined) this.thread.suspend();
    this.#line = line;
    if (line === undefined) return;
    this.hasHistory = line.hasHistory;
    line.add(this.thread);
  }

  // --- the thread calls

  get settings(): ClientSettings {
    return this.#host.threadSettings;
  }

  get joins(): JoinQueue {
    return this.#line?.joins ?? this.#host.parked.joins;
  }

  get acks(): AckQueue {
    return this.#line?.acks ?? this.#host.parked.acks;
  }

  joinsOf(): readonly JoinedThread[] {
    return [this.thread];
  }

  send(request: Request): void {
    this.#line?.send(encodeRequest(request));
  }

  isFirst(id: string, threadId: string, isGiven: boolean): boolean {
    return this.#host.isFirst(id, threadId, isGiven);
  }

  request(
    threadId: string,
    id: string,
    text: string,
    { timeoutMs }: { readonly timeoutMs?: number },
  ): Promise<unknown> {
    return this.#host.request(threadId, id, text, timeoutMs);
  }

  report(error: unknown): void {
    this.#host.report(error);
  }

  delete(): void {
    this.#line?.delete(this.thread);
    this.#line = undefined;
    this.#host.forget(this);
  }
}
