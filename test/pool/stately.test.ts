import { expect, it } from 'vitest';
import { statelyInspect, type StatelyInspector } from '../../src/inspector/index.ts';
import { LISTS } from '../client/fake-network.ts';
import { fakePool } from './fake-pool.ts';

it("Stately's inspector shows each connection of a pool: a chart by its name, and each of its states", async () => {
  const actors: string[] = [];
  const states: [string, unknown][] = [];
  const stately: StatelyInspector = {
    actor: (actor) => void actors.push(typeof actor === 'string' ? actor : actor.id),
    event: () => {},
    snapshot: (actor, { value }) => void states.push([actor, value]),
  };
  const { socket, clock } = fakePool({ size: 2, inspect: statelyInspect(stately) });
  socket(0).open(LISTS);
  socket(1).lose();
  await clock.settle();
  expect(new Set(actors)).toEqual(new Set(['pool-connection:1', 'pool-connection:2']));
  expect(states).toContainEqual(['pool-connection:1', { open: 'fresh' }]);
  expect(states).toContainEqual(['pool-connection:2', 'retrying']);
});
