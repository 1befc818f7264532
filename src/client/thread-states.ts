/**
 * Where a thread stands. `absent`: the server has not let it in on this connection. `joined`: messages flow. `outdated`: what comes
 * does not follow what is here, so it is ignored until the next `joined`. `paused`: nothing is taken until a reader has caught up.
 * `over`: left, refused or closed.
 */
export type ThreadState = 'absent' | 'joined' | 'outdated' | 'paused' | 'over';

/** What happens to a thread. */
export type ThreadStep = 'joined' | 'disordered' | 'filled' | 'drained' | 'lost' | 'ended';

const transitions: Readonly<Record<ThreadState, Partial<Record<ThreadStep, ThreadState>>>> = {
  absent: { joined: 'joined', ended: 'over' },
  joined: { joined: 'joined', disordered: 'outdated', filled: 'paused', lost: 'absent', ended: 'over' },
  outdated: { joined: 'joined', lost: 'absent', ended: 'over' },
  paused: { drained: 'outdated', ended: 'over' },
  over: {},
};

/** The next state, or undefined where the step means nothing. */
export function nextThreadState(state: ThreadState, step: ThreadStep): ThreadState | undefined {
  return transitions[state][step];
}
