import {
  createActor,
  type AnyActorRef,
  type AnyStateMachine,
  type AnyStateNode,
  type AnyTransitionDefinition,
  type InspectionEvent,
} from 'xstate';
import { VirtualClock } from '../../src/testing/index.ts';

/** An event of the machine, or time: `after` waits for the next timer. */
export type Stimulus = { readonly type: string } | { readonly after: number };

/** What a machine did: the state it is in, and the effects it called on the way, in order. */
export interface Reaction {
  readonly state: string;
  readonly effects: readonly string[];
}

/** The state, `retrying.backingOff`, and what the machine knows in it. */
export interface Reading {
  readonly state: string;
  readonly context: unknown;
}

/** A machine at work on virtual time, whose effects are written down. */
export class Specimen {
  readonly clock = new VirtualClock();
  readonly effects: string[] = [];
  readonly #actor: AnyActorRef;

  /** Every state it was in, and when it came into it. */
  readonly history: (Reading & { readonly at: number })[] = [];
  /** The edges that it has taken, see `edgesOf`. */
  readonly taken = new Set<string>();

  /** @param names the effects that the machine names */
  constructor(machine: AnyStateMachine, names: readonly string[], input?: unknown) {
    const actions = Object.fromEntries(names.map((name) => [name, () => void this.effects.push(name)]));
    const inspect = (event: InspectionEvent): void => {
      if (event.type === '@xstate.microstep') {
        for (const transition of event._transitions) this.taken.add(nameOf(transition));
      }
      if (event.type === '@xstate.snapshot' && isSnapshot(event.snapshot)) {
        this.history.push({ at: this.clock.now(), ...readingOf(event.snapshot) });
      }
    };
    this.#actor = createActor(machine.provide({ actions }), { clock: this.clock, inspect, input });
    this.#actor.start();
  }

  get state(): string {
    return pathOf(this.#snapshot.value);
  }

  get context(): unknown {
    return this.#snapshot.context;
  }

  get output(): unknown {
    return this.#snapshot.output;
  }

  get isDone(): boolean {
    return this.#snapshot.status === 'done';
  }

  async react(stimulus: Stimulus): Promise<Reaction> {
    this.effects.length = 0;
    if ('after' in stimulus) await this.clock.advance(stimulus.after);
    else this.#actor.send(stimulus);
    return { state: this.state, effects: [...this.effects] };
  }

  get #snapshot(): { status: string; value: unknown; context: unknown; output: unknown } {
    const snapshot: unknown = this.#actor.getSnapshot();
    if (!isSnapshot(snapshot)) throw new TypeError('not the snapshot of a machine');
    return snapshot;
  }
}

function isSnapshot(value: unknown): value is { status: string; value: unknown; context: unknown; output: unknown } {
  return typeof value === 'object' && value !== null && 'status' in value && 'value' in value && 'context' in value;
}

function readingOf({ value, context }: { value: unknown; context: unknown }): Reading {
  return { state: pathOf(value), context };
}

export function pathOf(value: unknown): string {
  if (typeof value === 'string') return value;
  if (typeof value !== 'object' || value === null) return '';
  return Object.entries(value)
    .map(([name, rest]) => [name, pathOf(rest)].filter((part) => part !== '').join('.'))
    .join('+');
}

/** Every transition that the definition has, delayed ones and each guarded branch included: `retrying.attempting after 5 #2`. */
export function edgesOf(machine: AnyStateMachine): string[] {
  const collect = (node: AnyStateNode): string[] => [
    ...[...node.transitions.values()].flat().map(nameOf),
    ...Object.values(node.states).flatMap(collect),
  ];
  return collect(machine.root).toSorted();
}

function nameOf(transition: AnyTransitionDefinition): string {
  const { source, eventType } = transition;
  const branch = source.transitions.get(eventType)?.indexOf(transition) ?? -1;
  const event = eventType.replace(/^xstate\.after\.([^.]+)\..*$/, 'after $1');
  return `${source.path.join('.')} ${event} #${branch}`;
}
