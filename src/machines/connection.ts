import { assign, setup } from 'xstate';

/** The policy of a connection; each field is an option of the hub. Times in milliseconds. */
export interface ConnectionPolicy {
  /** How long a client may make no progress before that counts as one failure. */
  readonly sendTimeoutMs: number;
  /** The waits before the retries of one delivery; as many retries as there are waits. */
  readonly retryDelaysMs: readonly number[];
  /** Consecutive failures that open the breaker. */
  readonly breakerThreshold: number;
  /** How long the breaker stays open before the one probe. */
  readonly cooldownMs: number;
}

/** Why a connection ended: a WebSocket close code (RFC 6455 section 7.4, 4xxx are ours) and a few words. */
export interface Eviction {
  readonly code: number;
  readonly reason: string;
}

export interface ConnectionInput {
  readonly id: string;
  readonly policy: ConnectionPolicy;
}

export interface ConnectionContext extends ConnectionInput {
  /** Retries of the current delivery that have begun. */
  readonly attempt: number;
  /** Consecutive timeouts; progress sets it back to zero. */
  readonly failures: number;
  /** How often this connection's breaker has opened. */
  readonly trips: number;
  readonly eviction: Eviction;
}

export type ConnectionEvent =
  /** The sweep found a client that accepts no bytes, or answers no ping barrier, for `sendTimeoutMs`. */
  | { readonly type: 'stalled' }
  /** The client accepted bytes or answered a barrier. */
  | { readonly type: 'progressed' }
  /** The hub ends the connection: policy, overload, drain, an error of the socket. */
  | { readonly type: 'evict'; readonly code: number; readonly reason: string }
  /** The socket is gone. */
  | { readonly type: 'closed'; readonly code: number; readonly reason: string }
  /** An operator opens the breaker. */
  | { readonly type: 'trip' }
  /** An operator closes the breaker: failures are forgotten, bytes flow again. */
  | { readonly type: 'reset' };

/** The context of a new connection. */
export function untroubled(input: ConnectionInput): ConnectionContext {
  return { ...input, attempt: 0, failures: 0, trips: 0, eviction: { code: 1006, reason: 'never closed' } };
}

/**
 * One connection: a breaker around one socket.
 *
 * `open` hands out bytes. A stall closes the gate (`retrying`). Nothing is sent again, because bytes given to TCP cannot be taken back.
 * What is retried is *admission*, the chance for the client to make progress: delays of 1 s, 2 s, 4 s, each followed by `sendTimeoutMs` of
 * waiting. When the last retry has timed out, that delivery has failed and the next one is attempted. The fifth failure in a row opens the
 * breaker (`tripped`), which costs nothing until one probe after the cooldown.
 */
export const connectionMachine = setup({
  types: {
    context: {} as ConnectionContext,
    events: {} as ConnectionEvent,
    input: {} as ConnectionInput,
    output: {} as Eviction,
  },
  actions: {
    /** Effect: the frame writer may write, and catches up from the cursors. */
    openGate: () => {},
    /** Effect: nothing more is written. */
    closeGate: () => {},
    /** Effect: count `send_timeouts`. */
    countTimeout: () => {},
    /** Effect: count `timeout_retries`. */
    countRetry: () => {},
    /** Effect: count `timeout_failures`; the message stays in the log for the catch-up. */
    countDeliveryFailure: () => {},
    /** Effect: write a ping barrier and report its answer as `progressed`. */
    sendProbe: () => {},
    /** Effect: end the socket with the eviction's code, drop the subscriptions, count `connections_evicted`. */
    terminate: () => {},
    noteFailure: assign({ failures: ({ context }) => context.failures + 1 }),
    noteRetry: assign({ attempt: ({ context }) => context.attempt + 1 }),
    beginDelivery: assign({ attempt: 0 }),
    noteTrip: assign({ trips: ({ context }) => context.trips + 1 }),
    forgetFailures: assign({ attempt: 0, failures: 0 }),
    noteEviction: assign({
      eviction: ({ context, event }) =>
        'code' in event ? { code: event.code, reason: event.reason } : context.eviction,
    }),
    noteSlowConsumer: assign({ eviction: { code: 4408, reason: 'slow consumer' } }),
  },
  guards: {
    breakerOpens: ({ context }) => context.failures + 1 >= context.policy.breakerThreshold,
    // one name and not `and([...])`: a combined guard is a function, which the machine's JSON would lose
    breakerOpensEarly: ({ context }) =>
      context.failures + 1 >= context.policy.breakerThreshold && context.attempt < context.policy.retryDelaysMs.length,
    retriesLeft: ({ context }) => context.attempt < context.policy.retryDelaysMs.length,
  },
  delays: {
    backoff: ({ context }) => context.policy.retryDelaysMs[context.attempt - 1] ?? 0,
    sendTimeout: ({ context }) => context.policy.sendTimeoutMs,
    cooldown: ({ context }) => context.policy.cooldownMs,
  },
}).createMachine({
  id: 'connection',
  context: ({ input }) => untroubled(input),
  initial: 'open',
  on: {
    evict: { target: '.evicted', actions: 'noteEviction' },
    closed: { target: '.evicted', actions: 'noteEviction' },
  },
  states: {
    open: {
      description: 'Messages flow.',
      entry: 'openGate',
      exit: 'closeGate',
      on: {
        trip: 'tripped',
        stalled: [
          { guard: 'breakerOpensEarly', target: 'tripped', actions: ['countTimeout', 'noteFailure'] },
          {
            guard: 'breakerOpens',
            target: 'tripped',
            actions: ['countTimeout', 'noteFailure', 'countDeliveryFailure'],
          },
          { guard: 'retriesLeft', target: 'retrying', actions: ['countTimeout', 'noteFailure'] },
          { target: 'retrying.attempting', actions: ['countTimeout', 'noteFailure', 'countDeliveryFailure'] },
        ],
      },
    },
    retrying: {
      description: 'Takes no bytes or answers no ping: nothing new is written, and it gets more time.',
      initial: 'backingOff',
      on: {
        progressed: { target: 'open', actions: 'forgetFailures' },
        reset: { target: 'open', actions: 'forgetFailures' },
        trip: 'tripped',
      },
      states: {
        backingOff: {
          description: 'Waits before the next retry.',
          entry: ['noteRetry', 'countRetry'],
          after: { backoff: 'attempting' },
        },
        attempting: {
          description: 'Gives the peer `sendTimeoutMs` to make progress.',
          after: {
            sendTimeout: [
              {
                guard: 'breakerOpensEarly',
                target: '#connection.tripped',
                actions: ['countTimeout', 'noteFailure'],
              },
              {
                guard: 'breakerOpens',
                target: '#connection.tripped',
                actions: ['countTimeout', 'noteFailure', 'countDeliveryFailure'],
              },
              { guard: 'retriesLeft', target: 'backingOff', actions: ['countTimeout', 'noteFailure'] },
              {
                target: 'attempting',
                reenter: true,
                actions: ['countTimeout', 'noteFailure', 'countDeliveryFailure', 'beginDelivery'],
              },
            ],
          },
        },
      },
    },
    tripped: {
      description: 'Too many failures in a row: it costs nothing now.',
      entry: ['noteTrip', 'beginDelivery'],
      initial: 'coolingDown',
      on: { reset: { target: 'open', actions: 'forgetFailures' } },
      states: {
        coolingDown: {
          description: 'The breaker is open.',
          after: { cooldown: 'probing' },
        },
        probing: {
          description: 'One ping decides: an answer opens it again, silence ends it.',
          entry: 'sendProbe',
          on: { progressed: { target: '#connection.open', actions: 'forgetFailures' } },
          after: { sendTimeout: { target: '#connection.evicted', actions: ['countTimeout', 'noteSlowConsumer'] } },
        },
      },
    },
    evicted: {
      description: 'Ended. The client may come back and resume from its position.',
      type: 'final',
      entry: 'terminate',
    },
  },
  output: ({ context }) => context.eviction,
});
