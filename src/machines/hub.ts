import { setup } from 'xstate';

export type HubEvent =
  /** Log and serializer are ready. */
  | { readonly type: 'started' }
  /** A deploy: no new connections or sends, what was accepted is delivered, peers are told to come back elsewhere. */
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
    starting: { on: { started: 'running', drain: 'draining' } },
    running: { on: { drain: 'draining' } },
    draining: { on: { drained: 'stopped' } },
    stopped: { type: 'final', entry: 'release' },
  },
});
