import { afterEach, expect, it } from 'vitest';
import type { Transition } from '../../src/index.ts';
import { makeHarness, type Harness } from '../support/harness.ts';

let harness: Harness;

afterEach(() => harness.close());

function transitionsOf(thread: string): Transition[] {
  const transitions: Transition[] = [];
  harness.hub.on('transition', (transition) => {
    if (transition.id === `thread:${thread}`) transitions.push(transition);
  });
  return transitions;
}

it('sends to a thread without members change the state of its machine once, not twice each', async () => {
  harness = makeHarness();
  const { hub, run, clock } = harness;
  const transitions = transitionsOf('t');
  for (let i = 0; i < 100; i++) await run(hub.thread('t').send(i));
  expect(transitions.map(({ to }) => to)).toEqual(['live']);
  await clock.advance(2_000);
  expect(transitions.map(({ to }) => to)).toEqual(['live', 'idle']);
  expect(hub.thread('t').stats.state).toBe('idle');
});

it('a thread whose last member leaves rests at once, and is closed after its idle time', async () => {
  harness = makeHarness({ threadIdleMs: 5_000 });
  const { hub, run, clock, connect } = harness;
  const { connection } = connect();
  await connection.join('t');
  const transitions = transitionsOf('t');
  connection.leave('t');
  expect(transitions.map(({ to }) => to)).toEqual(['idle']);
  await run(hub.thread('t').send('again'));
  await clock.advance(4_000);
  expect(hub.stats().threads).toBe(1);
  await clock.advance(3_000);
  expect(hub.stats().threads).toBe(0);
  expect(transitions.map(({ to }) => to)).toEqual(['idle', 'live', 'idle', 'closed']);
});

it('what was sent to a connection goes with it, whatever else is sent to it meanwhile', async () => {
  harness = makeHarness();
  const { hub, run, clock, connect, errors } = harness;
  const { link, connection } = connect();
  await run(connection.send({ pad: 'x'.repeat(100_000) }));
  await run(hub.thread('chat').send('stays'));
  expect(hub.stats().logBytes).toBeGreaterThan(100_000);
  link.stall();
  const last = connection.send({ pad: 'y'.repeat(100_000) });
  link.hangUp();
  await run(last.catch(() => {}));
  await clock.advance(2_000);
  expect(hub.stats().logBytes).toBeLessThan(5_000);
  expect(hub.stats().threads).toBe(1);
  expect((await hub.thread('chat').history()).messages).toHaveLength(1);
  await expect(run(connection.send('late'))).rejects.toMatchObject({ code: 'TC_CONNECTION_CLOSED' });
  expect(errors).toEqual([]);
});
