import { describe, expect, it } from 'vitest';
import type { AnyStateMachine } from 'xstate';
import { getShortestPaths } from 'xstate/graph';
import { hubMachine, serializerMachine, threadMachine } from '../../src/machines/index.ts';
import { edgesOf, pathOf, Specimen } from './explore.ts';

/** By state, where each event leads; an event that is not named changes nothing. */
type Table = Readonly<Record<string, Readonly<Record<string, string>>>>;

interface Machine {
  readonly name: string;
  readonly machine: AnyStateMachine;
  readonly input?: unknown;
  readonly events: readonly string[];
  readonly table: Table;
  /** The last state, and the only one whose entry has an effect. */
  readonly end: string;
}

const machines: readonly Machine[] = [
  {
    name: 'hub',
    machine: hubMachine,
    events: ['started', 'drain', 'drained', 'close'],
    table: {
      starting: { started: 'running', drain: 'draining', close: 'stopped' },
      running: { drain: 'draining', close: 'stopped' },
      draining: { drained: 'stopped', close: 'stopped' },
      stopped: {},
    },
    end: 'stopped',
  },
  {
    name: 'serializer',
    machine: serializerMachine,
    events: ['filled', 'eased', 'poolFailed', 'poolRecovered', 'drain', 'drained', 'stop'],
    table: {
      ready: { filled: 'saturated', poolFailed: 'degraded', drain: 'draining', stop: 'stopped' },
      saturated: { eased: 'ready', poolFailed: 'degraded', drain: 'draining', stop: 'stopped' },
      degraded: { poolRecovered: 'ready', drain: 'draining', stop: 'stopped' },
      draining: { drained: 'stopped', stop: 'stopped' },
      stopped: {},
    },
    end: 'stopped',
  },
  {
    name: 'thread',
    machine: threadMachine,
    input: { id: 't' },
    events: ['activated', 'deserted', 'expired', 'drain', 'drained', 'close'],
    table: {
      idle: { activated: 'live', expired: 'closed', drain: 'draining', close: 'closed' },
      live: { deserted: 'idle', drain: 'draining', close: 'closed' },
      draining: { drained: 'closed', close: 'closed' },
      closed: {},
    },
    end: 'closed',
  },
];

describe.each(machines)('the $name machine', ({ machine, input, events, table, end }) => {
  const make = (): Specimen => new Specimen(machine, ['release'], input);
  const paths = new Map(
    getShortestPaths(machine, { input, events: events.map((type) => ({ type })) }).map(({ state, steps }) => {
      const types = steps.map(({ event }) => event.type).filter((type) => !type.startsWith('xstate.'));
      return [pathOf('value' in state ? state.value : undefined), types];
    }),
  );
  const cells = Object.keys(table).flatMap((state) => events.map((event) => ({ state, event })));

  it('has the states and events of the design, all of them within reach', () => {
    expect([...paths.keys()].toSorted()).toEqual(Object.keys(table).toSorted());
    expect(machine.events.map(String).toSorted()).toEqual(events.toSorted());
    expect(make().state).toBe(Object.keys(table)[0]);
  });

  it.each(cells)('$state, $event', async ({ state, event }) => {
    const specimen = make();
    for (const type of paths.get(state) ?? []) await specimen.react({ type });
    expect(specimen.state).toBe(state);
    if (specimen.isDone) return;
    const reaction = await specimen.react({ type: event });
    const target = table[state]?.[event] ?? state;
    expect(reaction).toEqual({ state: target, effects: target === end ? ['release'] : [] });
    expect(specimen.isDone).toBe(target === end);
    expect(specimen.clock.pending).toBe(0);
  });

  it('has no edge that these tests do not take', async () => {
    const taken = new Set<string>();
    for (const { state, event } of cells) {
      const specimen = make();
      for (const type of [...(paths.get(state) ?? []), event]) {
        if (!specimen.isDone) await specimen.react({ type });
      }
      for (const edge of specimen.taken) taken.add(edge);
    }
    expect([...taken].toSorted()).toEqual(edgesOf(machine));
  });
});
