import { transition, type SnapshotFrom } from 'xstate';
import { threadMachine, type ThreadEvent } from '../../machines/index.ts';

type State = SnapshotFrom<typeof threadMachine>['value'];

/** What the machine of a thread does with an event. */
export interface ThreadStep {
  readonly to: State;
  /** It runs the effect `release`. */
  readonly isReleasing: boolean;
}

const STATES: readonly State[] = ['idle', 'live', 'draining', 'closed'];
const EVENTS: readonly ThreadEvent['type'][] = ['activated', 'deserted', 'expired', 'drain', 'drained', 'close'];

/** Asked when the module is loaded: within an action of another machine, XState's development build warns about its own `assign`. */
const steps = new Map(
  STATES.flatMap((from) => EVENTS.map((event) => [`${from} ${event}`, askMachine(from, event)] as const)),
);

/**
 * The machine's answer to an event in a state. The machine has no guards and no data, so the answer is always the same, and the machine is
 * asked once: a process has a hundred thousand threads, and an actor for each takes 4 KB and 20 us.
 */
export function threadStep(from: State, event: ThreadEvent['type']): ThreadStep {
  return steps.get(`${from} ${event}`) ?? askMachine(from, event);
}

function askMachine(from: State, type: ThreadEvent['type']): ThreadStep {
  const snapshot = threadMachine.resolveState({ value: from, context: { id: '' } });
  const [next, actions] = transition(threadMachine, snapshot, { type });
  return { to: next.value, isReleasing: actions.some((action) => action.type === 'release') };
}
