import { setup } from 'xstate';

export interface ThreadInput {
  readonly id: string;
}

export type ThreadEvent =
  /** It has members or publications in progress again. */
  | { readonly type: 'activated' }
  /** The last member left and nothing is in progress. */
  | { readonly type: 'deserted' }
  /** The thread was unused for its idle time. */
  | { readonly type: 'expired' }
  /** No more sends; accepted messages are still delivered. */
  | { readonly type: 'drain' }
  /** All accepted messages have been logged and offered. */
  | { readonly type: 'drained' }
  | { readonly type: 'close' };

/** One conversation. Deliveries are not events of this machine: it only knows whether there is anything to deliver to. */
export const threadMachine = setup({
  types: {
    context: {} as ThreadInput,
    events: {} as ThreadEvent,
    input: {} as ThreadInput,
  },
  actions: {
    /** Effect: refuse waiting sends, drop the members, forget the thread. */
    release: () => {},
  },
}).createMachine({
  id: 'thread',
  context: ({ input }) => ({ id: input.id }),
  initial: 'idle',
  on: { close: '.closed' },
  states: {
    idle: {
      description: 'No members and no messages in progress; closed after a while.',
      on: { activated: 'live', expired: 'closed', drain: 'draining' },
    },
    live: { description: 'Has members, or messages in progress.', on: { deserted: 'idle', drain: 'draining' } },
    draining: { description: 'Takes no more messages; delivers those it has.', on: { drained: 'closed' } },
    closed: { description: 'Ended; its log stays as long as the log says.', type: 'final', entry: 'release' },
  },
});
