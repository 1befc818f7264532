import { setup } from 'xstate';

export type SerializerEvent =
  /** The bounded queue has no place left: new jobs are refused. */
  | { readonly type: 'filled' }
  /** The queue has places again. */
  | { readonly type: 'eased' }
  /** Workers keep failing: recipes are refused or run as slices, everything else continues. */
  | { readonly type: 'poolFailed' }
  /** A worker has done a job again. */
  | { readonly type: 'poolRecovered' }
  | { readonly type: 'drain' }
  /** No job is in progress. */
  | { readonly type: 'drained' }
  | { readonly type: 'stop' };

/** The serializer as a whole. A job is not an actor: 10,000 jobs must not be 10,000 machines. */
export const serializerMachine = setup({
  types: {
    events: {} as SerializerEvent,
  },
  actions: {
    /** Effect: stop the workers, cancel the slices. */
    release: () => {},
  },
}).createMachine({
  id: 'serializer',
  initial: 'ready',
  on: { stop: '.stopped' },
  states: {
    ready: { description: 'Takes jobs.', on: { filled: 'saturated', poolFailed: 'degraded', drain: 'draining' } },
    saturated: {
      description: 'No place left in the queue: new jobs are refused.',
      on: { eased: 'ready', poolFailed: 'degraded', drain: 'draining' },
    },
    degraded: {
      description: 'Workers keep failing: recipes are refused or run in slices.',
      on: { poolRecovered: 'ready', drain: 'draining' },
    },
    draining: { description: 'Finishes what it has.', on: { drained: 'stopped' } },
    stopped: { description: 'Everything has ended.', type: 'final', entry: 'release' },
  },
});
