import { createActor, type ActorRefFrom, type SnapshotFrom } from 'xstate';
import {
  untroubled,
  type ConnectionContext,
  type ConnectionEvent,
  type connectionMachine,
  type ConnectionInput,
} from '../../machines/connection.ts';
import type { ConnectionServices, EndEvent } from './connection-services.ts';
import { sendIfActive } from '../support/send-if-active.ts';
import type { ConnectionPath, ConnectionState } from '../../api/connection.ts';

type Actor = ActorRefFrom<typeof connectionMachine>;

/**
 * The machine of one connection, created on demand. Ten thousand connections are idle most of the time, and a machine in its first state
 * has nothing to do. So the actor is created with its first event, or at once if an inspector is attached. Most connections are never in
 * trouble: their first event is their end, in which the machine has no choice, and they need no actor for it.
 */
export class LazyMachine {
  readonly #id: string;
  readonly #services: ConnectionServices;
  #actor: Actor | undefined;
  #isWatched = false;
  #isEnding = false;
  /** Of a connection that has ended without an actor. */
  #end: ConnectionContext | undefined;

  constructor(id: string, services: ConnectionServices) {
    this.#id = id;
    this.#services = services;
  }

  get state(): ConnectionState {
    if (this.#actor === undefined) return this.#withoutActor;
    const { value } = this.#actor.getSnapshot();
    if (typeof value === 'string') return value;
    return 'retrying' in value ? 'retrying' : 'tripped';
  }

  /** The state with its substate: `retrying.backingOff`. */
  get path(): ConnectionPath {
    return this.#actor === undefined ? this.#withoutActor : pathOf(this.#actor.getSnapshot());
  }

  get #withoutActor(): 'open' | 'evicted' {
    return this.#end === undefined ? 'open' : 'evicted';
  }

  get context(): ConnectionContext {
    return this.#actor?.getSnapshot().context ?? this.#end ?? untroubled(this.#input);
  }

  /** Starts in the first state, whose entry opens the gate. */
  start(): void {
    this.#launch();
  }

  send(event: ConnectionEvent): void {
    if (this.#isEnding) return;
    const isEnd = event.type === 'evict' || event.type === 'closed';
    if (isEnd && this.#actor === undefined && !this.#services.isInspected) this.#endAtOnce(event);
    else sendIfActive(this.#late, event);
  }

  /** As the machine does it: what happens within its effects still finds it open. */
  #endAtOnce(event: EndEvent): void {
    this.#isEnding = true;
    const { type, code, reason } = event;
    const context = { ...untroubled(this.#input), eviction: { code, reason } };
    this.#services.endOpen(context, event);
    this.#end = context;
    const id = `connection:${this.#id}`;
    this.#services.onTransition({ machine: 'connection', id, from: 'open', to: 'evicted', event: type });
  }

  /** Reports state changes; they cost nothing until the first listener. */
  watch(onState: (from: ConnectionPath, to: ConnectionPath) => void): void {
    if (this.#isWatched || this.#isEnding) return;
    this.#isWatched = true;
    let from = pathOf(this.#late.getSnapshot());
    this.#late.subscribe((snapshot) => {
      const to = pathOf(snapshot);
      if (to !== from) onState(from, to);
      from = to;
    });
  }

  /** The actor, created now if needed: it starts where it would be, in its first state with the gate open. */
  get #late(): Actor {
    if (this.#actor !== undefined) return this.#actor;
    return this.#launch(this.#services.machine.resolveState({ value: 'open', context: untroubled(this.#input) }));
  }

  #launch(snapshot?: SnapshotFrom<typeof connectionMachine>): Actor {
    const { machine, actorOptions, launch } = this.#services;
    const options = { ...actorOptions, id: `connection:${this.#id}`, input: this.#input };
    this.#actor = createActor(machine, snapshot === undefined ? options : { ...options, snapshot });
    launch(this.#actor);
    return this.#actor;
  }

  get #input(): ConnectionInput {
    return { id: this.#id, policy: this.#services.settings.policy };
  }
}

function pathOf({ value }: SnapshotFrom<typeof connectionMachine>): ConnectionPath {
  if (typeof value === 'string') return value;
  return 'retrying' in value ? `retrying.${value.retrying}` : `tripped.${value.tripped}`;
}
