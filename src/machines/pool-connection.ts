import { assign, setup } from 'xstate';

/** The policy of a pool's connections; each field is an option of the pool. Times in milliseconds. */
export interface PoolConnectionPolicy {
  /** The waits before the attempts after a failure; the last one counts for all later ones. */
  readonly retryDelaysMs: readonly number[];
  /** Consecutive failures that open the breaker. */
  readonly breakerThreshold: number;
  /** How long the breaker stays open before the one probe. */
  readonly cooldownMs: number;
  /** A connection that was open for so long is good: its failures are forgotten, and it gets its threads back. */
  readonly settleMs: number;
}

export interface PoolConnectionInput {
  readonly id: string;
  readonly policy: PoolConnectionPolicy;
}

export interface PoolConnectionContext extends PoolConnectionInput {
  /** Consecutive failures: attempts that found no hub, and connections that were lost before they were good. */
  readonly failures: number;
  /** How often the breaker has opened. */
  readonly trips: number;
  /** The hub asked for at least this wait. */
  readonly askedMs: number;
  /** Why it ended. */
  readonly reason: string;
}

export type PoolConnectionEvent =
  /** The hub has said hello. */
  | { readonly type: 'greeted' }
  /** The attempt has failed, or the connection is gone. `askedMs`: the hub asked for a wait. */
  | { readonly type: 'lost'; readonly reason: string; readonly askedMs: number }
  /** The hub has closed with a code that says never to reconnect. */
  | { readonly type: 'refused'; readonly reason: string }
  /** The pool needs it no more: it shrinks or is closed. */
  | { readonly type: 'retire'; readonly reason: string };

/**
 * One place of a pool: a breaker around attempts to reach a hub. A failure costs a wait of 1, 2, then 4 s. The fifth in a row opens the breaker
 * (`tripped`), which costs nothing until one probe after the cooldown. If that fails, the connection is `evicted`, and the pool replaces it.
 */
export const poolConnectionMachine = setup({
  types: {
    context: {} as PoolConnectionContext,
    events: {} as PoolConnectionEvent,
    input: {} as PoolConnectionInput,
    output: {} as string,
  },
  actions: {
    /** Effect: open a socket. */
    dial: () => {},
    /** Effect: threads may use it. */
    open: () => {},
    /** Effect: it has lasted: threads that belong here move back. */
    settle: () => {},
    /** Effect: its threads move to the others. */
    lose: () => {},
    /** Effect: report that the hub cannot be reached. */
    warn: () => {},
    /** Effect: end the socket, and let the pool replace it. */
    release: () => {},
    noteFailure: assign({
      failures: ({ context }) => context.failures + 1,
      askedMs: ({ event }) => ('askedMs' in event ? event.askedMs : 0),
      reason: ({ event }) => ('reason' in event ? event.reason : ''),
    }),
    noteTrip: assign({ trips: ({ context }) => context.trips + 1 }),
    noteReason: assign({ reason: ({ context, event }) => ('reason' in event ? event.reason : context.reason) }),
    forgetFailures: assign({ failures: 0 }),
  },
  guards: {
    breakerOpens: ({ context }) => context.failures + 1 >= context.policy.breakerThreshold,
  },
  delays: {
    backoff: ({ context: { failures, askedMs, policy } }) =>
      Math.max(policy.retryDelaysMs[failures - 1] ?? policy.retryDelaysMs.at(-1) ?? 0, askedMs),
    cooldown: ({ context }) => Math.max(context.policy.cooldownMs, context.askedMs),
    settled: ({ context }) => context.policy.settleMs,
  },
}).createMachine({
  id: 'pool-connection',
  context: ({ input }) => ({ ...input, failures: 0, trips: 0, askedMs: 0, reason: '' }),
  initial: 'connecting',
  on: {
    refused: { target: '.evicted', actions: 'noteReason' },
    retire: { target: '.evicted', actions: 'noteReason' },
  },
  states: {
    connecting: {
      description: 'A socket is being opened, or waits for the hello of the hub.',
      entry: 'dial',
      on: {
        greeted: 'open',
        lost: [
          { guard: 'breakerOpens', target: 'tripped', actions: 'noteFailure' },
          { target: 'retrying', actions: 'noteFailure' },
        ],
      },
    },
    open: {
      description: 'Threads use it.',
      entry: 'open',
      exit: 'lose',
      initial: 'fresh',
      on: {
        lost: [
          { guard: 'breakerOpens', target: 'tripped', actions: 'noteFailure' },
          { target: 'retrying', actions: 'noteFailure' },
        ],
      },
      states: {
        fresh: {
          description: 'It has to last before its failures are forgotten.',
          after: { settled: { target: 'settled', actions: 'forgetFailures' } },
        },
        settled: { description: 'It has lasted: threads that belong here come back.', entry: 'settle' },
      },
    },
    retrying: {
      description: 'Waits before the next attempt; its threads are with the others.',
      after: { backoff: 'connecting' },
    },
    tripped: {
      description: 'Too many failures in a row: it costs nothing now.',
      entry: ['noteTrip', 'warn'],
      initial: 'coolingDown',
      states: {
        coolingDown: {
          description: 'The breaker is open.',
          after: { cooldown: 'probing' },
        },
        probing: {
          description: 'One attempt decides: a hello opens it again, a failure ends it.',
          entry: 'dial',
          on: {
            greeted: '#pool-connection.open',
            lost: { target: '#pool-connection.evicted', actions: 'noteReason' },
          },
        },
      },
    },
    evicted: {
      description: 'Ended. The pool replaces it, unless it needs fewer.',
      type: 'final',
      entry: 'release',
    },
  },
  output: ({ context }) => context.reason,
});
