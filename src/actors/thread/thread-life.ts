import { createActor, type ActorRefFrom } from 'xstate';
import type { MessageTrace } from '../../api/entry.ts';
import type { ThreadState } from '../../api/thread.ts';
import { ThreadClosedError } from '../../infra/errors.ts';
import type { threadMachine } from '../../machines/index.ts';
import { sendIfActive } from '../support/send-if-active.ts';
import type { ThreadServices } from './thread-services.ts';

/** The life of an open thread: its machine, and when it was last used. */
export class ThreadLife {
  readonly #id: string;
  readonly #services: ThreadServices;
  readonly #actor: ActorRefFrom<typeof threadMachine>;
  readonly #isNeeded: () => boolean;
  #usedAt: number;

  /** @param isNeeded whether the thread has members, sends in progress, or a stream that this process publishes */
  constructor(id: string, services: ThreadServices, isNeeded: () => boolean) {
    this.#id = id;
    this.#services = services;
    this.#isNeeded = isNeeded;
    this.#usedAt = services.now();
    this.#actor = createActor(services.machine, { ...services.actorOptions, id: `thread:${id}`, input: { id } });
  }

  start(): void {
    this.#services.launch(this.#actor);
  }

  get state(): ThreadState {
    return this.#actor.getSnapshot().value;
  }

  /** @throws ThreadClosedError */
  assertOpen(action: string): void {
    const { state } = this;
    if (state !== 'idle' && state !== 'live') throw new ThreadClosedError({ threadId: this.#id, state, action });
  }

  /** A send begins. */
  enter(message: MessageTrace | undefined): void {
    if (message === undefined) this.activate();
    else this.#services.telemetry.causing(message, () => this.activate());
  }

  /** A send is over. The machine rests only with the next sweep: without members, it would otherwise change its state twice for each message. */
  leave(): void {
    this.#usedAt = this.#services.now();
  }

  activate(): void {
    if (this.state === 'idle') sendIfActive(this.#actor, { type: 'activated' });
  }

  /** It was used until now, and perhaps still is. */
  touch(): void {
    this.#usedAt = this.#services.now();
    this.rest();
  }

  rest(): void {
    if (this.state === 'live' && !this.#isNeeded()) sendIfActive(this.#actor, { type: 'deserted' });
  }

  /** @param isUnwanted close it at once if it is not used, without waiting for the idle time */
  expire(now: number, isUnwanted: boolean): void {
    const isExpired = isUnwanted || now - this.#usedAt >= this.#services.settings.threadIdleMs;
    if (isExpired && this.state === 'idle') sendIfActive(this.#actor, { type: 'expired' });
  }

  /** Accepts no more sends. */
  drain(): void {
    sendIfActive(this.#actor, { type: 'drain' });
  }

  /** No member is behind any more, or the drain's time is up. */
  drained(): void {
    sendIfActive(this.#actor, { type: 'drained' });
  }

  close(): void {
    sendIfActive(this.#actor, { type: 'close' });
  }
}
