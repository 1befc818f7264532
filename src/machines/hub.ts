import { setup } from 'xstate';

export type HubEvent =
  /** Log and serializer are ready. */
  | { readonly type: 'started' }
  /** A deploy: the hub accepts no new connections or sends, delivers accepted messages, and asks clients to reconnect elsewhere. */
  | { readonly type: 'drain' }
  /** Everything has been delivered, or the drain's time is up. */
  | { readonly type: 'drained' }
  | { readonly type: 'close' };

/** The embedded object as a whole. */
export const hubMachine = setup({
  types: {
    events: {} as HubEvent,
  },
  actions: {
    /** Effect: end every connection and thread, stop the serializer, close the log. */
    release: () => {},
  },
}).createMachine({
  id: 'hub',
  initial: 'starting',
  on: { close: '.stopped' },
  states: {
    starting: { description: 'Not ready yet.', on: { started: 'running', drain: 'draining' } },
    running: { description: 'Takes connections and messages.', on: { drain: 'draining' } },
    draining: {
      description: 'A deploy: what was accepted is delivered, nothing new is taken.',
      on: { drained: 'stopped' },
    },
    stopped: { description: 'Everything has ended.', type: 'final', entry: 'release' },
  },
});
