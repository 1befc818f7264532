/**
 * The state of a thread.
 *
 * - `absent`: the server has not let the client in on this connection.
 * - `joined`: messages flow.
 * - `outdated`: frames do not follow our position, so they are ignored until the next `joined`.
 * - `paused`: the thread accepts nothing until a reader has caught up.
 * - `over`: left, refused or closed.
 */
export type ThreadState = 'absent' | 'joined' | 'outdated' | 'paused' | 'over';

/** A step of the thread. */
export type ThreadStep = 'joined' | 'disordered' | 'filled' | 'drained' | 'lost' | 'ended';

const transitions: Readonly<Record<ThreadState, Partial<Record<ThreadStep, ThreadState>>>> = {
  absent: { joined: 'joined', ended: 'over' },
  joined: { joined: 'joined', disordered: 'outdated', filled: 'paused', lost: 'absent', ended: 'over' },
  outdated: { joined: 'joined', lost: 'absent', ended: 'over' },
  paused: { drained: 'outdated', ended: 'over' },
  over: {},
};

/** The next state, or undefined if the step has no effect. */
export function nextThreadState(state: ThreadState, step: ThreadStep): ThreadState | undefined {
  return transitions[state][step];
}
