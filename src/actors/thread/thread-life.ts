import { createActor, type ActorRefFrom } from 'xstate';
import type { MessageTrace } from '../../api/entry.ts';
import type { ThreadState } from '../../api/thread.ts';
import { ThreadClosedError } from '../../infra/errors.ts';
import type { ThreadEvent, threadMachine } from '../../machines/index.ts';
import { guarded } from '../support/emitter.ts';
import { sendIfActive } from '../support/send-if-active.ts';
import type { ThreadServices } from './thread-services.ts';
import { threadStep } from './thread-step.ts';

/** The thread that lives. */
interface Living {
  readonly id: string;
  /** Whether it has members, sends in progress, or a stream that this process publishes. */
  readonly isNeeded: boolean;
  /** Effect of the machine. */
  release(): void;
}

/**
 * The life of an open thread: its machine, and when it was last used. The machine's answers are known without an actor, which is there only
 * where an inspector is attached.
 */
export class ThreadLife {
  readonly #thread: Living;
  readonly #services: ThreadServices;
  readonly #actor: ActorRefFrom<typeof threadMachine> | undefined;
  /** Without an actor. */
  #state: ThreadState = 'idle';
  #usedAt: number;

  constructor(thread: Living, services: ThreadServices) {
    const { id } = thread;
    this.#thread = thread;
    this.#services = services;
    this.#usedAt = services.now();
    if (services.isInspected)
      this.#actor = createActor(services.machine, { ...services.actorOptions, id: `thread:${id}`, input: { id } });
  }

  start(): void {
    if (this.#actor !== undefined) this.#services.launch(this.#actor);
  }

  get state(): ThreadState {
    return this.#actor?.getSnapshot().value ?? this.#state;
  }

  /** @throws ThreadClosedError */
  assertOpen(action: string): void {
    const { state } = this;
    if (state !== 'idle' && state !== 'live') throw new ThreadClosedError({ threadId: this.#thread.id, state, action });
  }

  /** A send begins. */
  enter(message: MessageTrace | undefined): void {
    if (message === undefined || this.state !== 'idle') this.activate();
    else this.#services.telemetry.causing(message, () => this.activate());
  }

  /** A send is over. The machine rests only with the next sweep: without members, it would otherwise change its state twice for each message. */
  leave(): void {
    this.#usedAt = this.#services.now();
  }

  activate(): void {
    if (this.state === 'idle') this.#send({ type: 'activated' });
  }

  /** It was used until now, and perhaps still is. */
  touch(): void {
    this.#usedAt = this.#services.now();
    this.rest();
  }

  rest(): void {
    if (this.state === 'live' && !this.#thread.isNeeded) this.#send({ type: 'deserted' });
  }

  /** @param isUnwanted close it at once if it is not used, without waiting for the idle time */
  expire(now: number, isUnwanted: boolean): void {
    const isExpired = isUnwanted || now - this.#usedAt >= this.#services.settings.threadIdleMs;
    if (isExpired && this.state === 'idle') this.#send({ type: 'expired' });
  }

  /** Accepts no more sends. */
  drain(): void {
    this.#send({ type: 'drain' });
  }

  /** No member is behind any more, or the drain's time is up. */
  drained(): void {
    this.#send({ type: 'drained' });
  }

  close(): void {
    this.#send({ type: 'close' });
  }

  #send(event: ThreadEvent): void {
    if (this.#actor !== undefined) sendIfActive(this.#actor, event);
    else if (this.#state !== 'closed') this.#step(event.type);
  }

  #step(event: ThreadEvent['type']): void {
    const { report, onTransition } = this.#services;
    const from = this.#state;
    const { to, isReleasing } = threadStep(from, event);
    if (to === from) return;
    this.#state = to;
    if (isReleasing) guarded(() => this.#thread.release(), report);
    onTransition({ machine: 'thread', id: `thread:${this.#thread.id}`, from, to, event });
  }
}
