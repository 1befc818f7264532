import type { InspectionEvent } from 'xstate';
import { guarded } from './emitter.ts';
import type { Inspector } from '../../api/options.ts';

/** A change of state of a machine with one of these names. */
interface Move<Name extends string> {
  readonly machine: Name;
  readonly id: string;
  readonly from: string;
  readonly to: string;
  readonly event: string;
}

/**
 * The one inspector that all actors of a hub, or of a pool, share. It finds the state changes and passes everything on to the application's inspectors.
 * XState lets a throwing inspector break the actor, so each of them is guarded.
 */
export function makeObserver<Name extends string>(
  machines: readonly Name[],
  inspectors: readonly Inspector[],
  onTransition: (transition: Move<Name>) => void,
  report: (error: unknown) => void,
): (event: InspectionEvent) => void {
  const states = new WeakMap<object, string>();
  return (event) => {
    const id = 'id' in event.actorRef ? event.actorRef.id : undefined;
    if (event.type === '@xstate.snapshot' && typeof id === 'string') {
      const to = stateOf(event.snapshot);
      const from = states.get(event.actorRef);
      if (to !== from) states.set(event.actorRef, to);
      // a delayed transition always has a target; if the state is the same, it was entered again
      const isMove = to !== from || event.event.type.startsWith('xstate.after.');
      if (from !== undefined && isMove) {
        const machine = machines.find((name) => name === id.split(':', 1)[0]);
        if (machine !== undefined) onTransition({ machine, id, from, to, event: event.event.type });
      }
    }
    for (const inspector of inspectors) guarded(() => inspect(inspector, event), report);
  };
}

function inspect(inspector: Inspector, event: InspectionEvent): unknown {
  return typeof inspector === 'function' ? inspector(event) : inspector.next?.(event);
}

/** The path of the active state: `open`, `retrying.backingOff`. Our machines have no parallel states. */
export function stateOf(snapshot: object): string {
  const path: string[] = [];
  let value: unknown = 'value' in snapshot ? snapshot.value : undefined;
  while (typeof value === 'object' && value !== null) {
    const [entry] = Object.entries(value);
    if (entry === undefined) break;
    path.push(entry[0]);
    value = entry[1];
  }
  if (typeof value === 'string') path.push(value);
  return path.join('.');
}
