import { createActor } from 'xstate';
import { expect, it } from 'vitest';
import { threadStep } from '../../src/actors/thread/thread-step.ts';
import type { Transition } from '../../src/index.ts';
import { threadMachine } from '../../src/machines/index.ts';
import { makeHarness } from '../support/harness.ts';

const STATES = ['idle', 'live', 'draining'] as const;
const EVENTS = ['activated', 'deserted', 'expired', 'drain', 'drained', 'close'] as const;

it('a step without an actor is that of an actor, in each state and for each event', () => {
  for (const state of STATES)
    for (const type of EVENTS) {
      let releases = 0;
      const machine = threadMachine.provide({ actions: { release: () => void releases++ } });
      const snapshot = machine.resolveState({ value: state, context: { id: 't' } });
      const actor = createActor(machine, { snapshot, input: { id: 't' } }).start();
      actor.send({ type });
      // twice: the second answer is a remembered one
      for (const step of [threadStep(state, type), threadStep(state, type)])
        expect([state, type, step]).toEqual([
          state,
          type,
          { to: actor.getSnapshot().value, isReleasing: releases === 1 },
        ]);
    }
});

it.each([true, false])('reports the same transitions, with an inspector (%s) and without', async (isInspected) => {
  const { hub, connect, clock, close, errors } = makeHarness({
    threadIdleMs: 1_000,
    inspect: isInspected ? () => {} : undefined,
  });
  const transitions: Transition[] = [];
  hub.on('transition', (transition) => void (transition.machine === 'thread' && transitions.push(transition)));
  const { connection } = connect();
  await connection.join('t');
  connection.leave('t');
  await clock.advance(3_000);
  expect(hub.thread('t').stats.state).toBe('closed');
  await connection.join('u');
  await close();
  expect(transitions.map(({ id, from, to, event }) => `${id} ${from} ${to} ${event}`)).toEqual([
    'thread:t idle live activated',
    'thread:t live idle deserted',
    'thread:t idle closed expired',
    'thread:u idle live activated',
    'thread:u live idle deserted',
    'thread:u idle closed close',
  ]);
  expect(errors).toEqual([]);
});
