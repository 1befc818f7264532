import type { AnyActor, AnyEventObject, InspectionEvent, Observer } from 'xstate';

import { checkChoice, checkNumber } from '../infra/option-checks.ts';
import { checkOptions, type OptionTable } from '../infra/option-table.ts';

/** An actor, as XState reports it to an inspector. */
interface InspectedActor {
  readonly sessionId: string;
  readonly id: string;
  readonly logic: unknown;
  readonly send: AnyActor['send'];
  readonly getSnapshot: AnyActor['getSnapshot'];
}

/** The used part of what `createWebSocketInspector`, `createSkyInspector` or `createInspector` of `@statelyai/inspect` return. */
export interface StatelyInspector {
  actor(actor: InspectedActor | string, snapshot?: StatelySnapshot): void;
  event(target: string, event: AnyEventObject, info?: { source?: string }): void;
  snapshot(actor: string, snapshot: StatelySnapshot, info?: { event?: AnyEventObject }): void;
}

interface StatelySnapshot {
  status?: 'active' | 'done' | 'error' | 'stopped';
  value?: unknown;
  context?: unknown;
  output?: unknown;
}

export interface StatelyInspectOptions {
  /** Which actors are shown, called once for each: `machine` is `connection`, `thread`, `hub` or `serializer`. @default all */
  filter?: ((actor: { readonly machine: string; readonly id: string }) => boolean) | undefined;
  /** The share of actors that is shown, 0 to 1. An actor is shown whole or not at all, by its id. @default 1 */
  sample?: number | undefined;
  /** `once`: sends a machine's definition with its first actor. `always`: with each, about 3 KB. @default 'once' */
  definitions?: 'once' | 'always' | undefined;
  /** Receives errors of the inspector. @default a process warning */
  onError?: ((error: unknown) => void) | undefined;
}

const STATELY_OPTIONS: OptionTable<StatelyInspectOptions> = {
  filter: 'function',
  sample: 'number',
  definitions: 'text',
  onError: 'function',
};

/**
 * Shows the machines of a hub in Stately's inspector, or in any target of `@statelyai/inspect`:
 *
 * ```ts
 * const stately = createWebSocketInspector({ url: 'ws://localhost:8080' });
 * const hub = createHub({ inspect: statelyInspect(stately, { sample: 0.01 }) });
 * ```
 *
 * For a hub, use it instead of `stately.inspect`. Each connection is a system of its own, in which XState numbers every root actor `x:0`,
 * so the inspector could not distinguish them. Here the actor's id, `connection:<id>`, is its name. It serializes a definition once and not
 * for every connection. Errors of the inspector never reach an actor or the event loop.
 */
export function statelyInspect(
  inspector: StatelyInspector,
  options: StatelyInspectOptions = {},
): Observer<InspectionEvent> {
  checkOptions<StatelyInspectOptions>(options, STATELY_OPTIONS);
  const { filter = () => true, onError = warn } = options;
  const sample = checkNumber('sample', options.sample, 1, { min: 0, max: 1 });
  const definitions = checkChoice('definitions', options.definitions, 'once', ['once', 'always']);
  const shown = new WeakMap<object, string | undefined>();
  const defined = new Set<unknown>();
  const registered = new WeakSet<object>();

  const nameOf = (ref: object): string | undefined => {
    if (!shown.has(ref)) shown.set(ref, choose(ref));
    return shown.get(ref);
  };
  const choose = (ref: object): string | undefined => {
    if (!('id' in ref) || typeof ref.id !== 'string') return undefined;
    const { id } = ref;
    const machine = id.split(':', 1)[0] ?? id;
    return shareOf(id) < sample && filter({ machine, id }) ? id : undefined;
  };
  const register = (ref: AnyActor, name: string): void => {
    const { config } = ref.logic;
    const snapshot = pick(ref.getSnapshot());
    if (definitions === 'once' && defined.has(config)) {
      inspector.actor(name, snapshot);
      return;
    }
    defined.add(config);
    const { logic } = ref;
    const send = ref.send.bind(ref);
    const getSnapshot = ref.getSnapshot.bind(ref);
    inspector.actor({ sessionId: name, id: name, logic, send, getSnapshot }, snapshot);
  };
  const show = (event: InspectionEvent): void => {
    const name = nameOf(event.actorRef);
    if (name === undefined) return;
    // XState reports an actor before it has a snapshot: it is shown with its first event, `xstate.init`
    if (event.type !== '@xstate.actor' && !registered.has(event.actorRef) && isActor(event.actorRef)) {
      registered.add(event.actorRef);
      register(event.actorRef, name);
    }
    if (event.type === '@xstate.event') inspector.event(name, event.event);
    if (event.type === '@xstate.snapshot') inspector.snapshot(name, pick(event.snapshot), { event: event.event });
  };

  return {
    next(event) {
      try {
        show(event);
      } catch (error) {
        try {
          onError(error);
        } catch (worse) {
          warn(worse);
        }
      }
    },
  };
}

/** The fields of a snapshot that an inspector shows: not the machine, the children and the methods. */
function pick(snapshot: object): StatelySnapshot {
  const { status, value, context, output }: StatelySnapshot = snapshot;
  return { ...(status === undefined ? {} : { status }), value, context, ...(output === undefined ? {} : { output }) };
}

function isActor(ref: object): ref is AnyActor {
  return 'logic' in ref && 'getSnapshot' in ref && 'send' in ref;
}

/** Spreads ids evenly over 0 to 1, the same each time (FNV-1a, 32 bits). */
function shareOf(id: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < id.length; i++) hash = Math.imul(hash ^ id.charCodeAt(i), 0x01000193);
  // its high bits alone depend too little on the last characters
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  return ((hash ^ (hash >>> 13)) >>> 0) / 2 ** 32;
}

function warn(error: unknown): void {
  process.emitWarning(error instanceof Error ? error : String(error));
}
