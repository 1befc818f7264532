import type { Transition } from '../../src/index.ts';
import { connectionMachine, hubMachine, serializerMachine, threadMachine } from '../../src/machines/index.ts';

const MACHINES: Readonly<Record<string, { readonly root: State }>> = {
  connection: connectionMachine,
  hub: hubMachine,
  serializer: serializerMachine,
  thread: threadMachine,
};

/** What the charts allow, as `connection open stalled retrying.backingOff`. */
const ALLOWED = new Set(
  Object.entries(MACHINES).flatMap(([name, { root }]) => allowedIn(root).map((change) => `${name} ${change}`)),
);

/** Where each machine is when one can first listen to it: the hub has started before it is handed out. */
const FIRST = new Map(
  Object.entries(MACHINES).map(([name, { root }]) => [name, name === 'hub' ? 'running' : nameOf(leafOf(root))]),
);

/** Nothing follows it: a later actor with the same id begins anew. */
const LAST = new Set(['closed', 'evicted', 'stopped']);

/** Compares each change of state with the machine's own chart, and with the state before it. */
export class ChartCheck {
  readonly #complain: (what: string) => void;
  readonly #states = new Map<string, string>();

  constructor(complain: (what: string) => void) {
    this.#complain = complain;
  }

  readonly examine = ({ machine, id, from, event, to }: Transition): void => {
    const change = `${machine} ${from} ${event} ${to}`;
    if (!ALLOWED.has(change)) this.#complain(`the chart of ${id} has no ${change}`);
    const before = this.#states.get(id) ?? FIRST.get(machine);
    if (before !== from) this.#complain(`${id} was ${before}, and went from ${from} to ${to}`);
    if (LAST.has(to)) this.#states.delete(id);
    else this.#states.set(id, to);
  };
}

/** The part of a state of XState that a chart is read from. */
interface State {
  readonly path: readonly string[];
  readonly states: Readonly<Record<string, State>>;
  readonly parent?: State | undefined;
  readonly transitions: ReadonlyMap<string, readonly { readonly target: readonly State[] | undefined }[]>;
  readonly initial: { readonly target: readonly State[] | undefined };
}

function allowedIn(state: State): readonly string[] {
  const inner = Object.values(state.states);
  if (inner.length > 0) return inner.flatMap(allowedIn);
  const changes: string[] = [];
  for (let of: State | undefined = state; of !== undefined; of = of.parent) {
    for (const [event, transitions] of of.transitions)
      for (const { target } of transitions)
        for (const one of target ?? []) changes.push(`${nameOf(state)} ${event} ${nameOf(leafOf(one))}`);
  }
  return changes;
}

/** Where one is who enters the state. */
function leafOf(state: State): State {
  if (Object.keys(state.states).length === 0) return state;
  const [first] = state.initial.target ?? [];
  return first === undefined ? state : leafOf(first);
}

function nameOf({ path }: State): string {
  return path.join('.');
}
