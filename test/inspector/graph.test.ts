import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { machinesPage } from '../../scripts/machine-diagrams.ts';
import { EdgeFinder, graphOf } from '../../src/inspector/graph.ts';
import {
  connectionMachine,
  hubMachine,
  poolConnectionMachine,
  serializerMachine,
  threadMachine,
} from '../../src/machines/index.ts';
import { makeHarness } from '../support/harness.ts';
import { edgesOf } from '../machines/explore.ts';

const machines = [connectionMachine, hubMachine, poolConnectionMachine, serializerMachine, threadMachine];

describe.each(machines.map((machine) => ({ name: machine.id, machine })))('the graph of $name', ({ machine }) => {
  const graph = graphOf(machine);

  it('has every transition of the definition, branches of one event to one state as one edge', () => {
    const transitions = edgesOf(machine).map((edge) => edge.replace(/ #\d+$/, ''));
    const named = graph.edges.map(({ from, label }) => `${from} ${label}`);
    expect(new Set(named)).toEqual(new Set(transitions));
    expect(new Set(graph.edges.map(({ id }) => id)).size).toBe(graph.edges.length);
  });

  it('says of every state what it means', () => {
    expect(graph.states.filter(({ description }) => description === '')).toEqual([]);
  });
});

describe('the edge finder', () => {
  const finder = new EdgeFinder(graphOf(connectionMachine));

  it('finds the edge of the innermost state that has one', () => {
    expect(finder.find('retrying.backingOff', 'open', 'progressed')).toMatchObject({ from: 'retrying', to: 'open' });
    expect(finder.find('tripped.probing', 'open', 'progressed')).toMatchObject({ from: 'tripped.probing' });
    expect(finder.find('open', 'retrying.backingOff', 'stalled')).toMatchObject({ to: 'retrying' });
    expect(finder.find('open', 'retrying.attempting', 'stalled')).toMatchObject({ to: 'retrying.attempting' });
    expect(finder.find('tripped.probing', 'evicted', 'closed')).toMatchObject({ from: '' });
    expect(finder.find('open', 'open', 'nothing')).toBeUndefined();
  });

  it('finds one for every transition that a hub reports, a state that is entered again included', async () => {
    const finders = new Map(machines.map((machine) => [machine.id, new EdgeFinder(graphOf(machine))]));
    const { hub, connect, clock, run, close, errors } = makeHarness();
    const taken = new Set<string>();
    const lost: unknown[] = [];
    hub.on('transition', (transition) => {
      const edge = finders.get(transition.machine)?.find(transition.from, transition.to, transition.event);
      if (edge === undefined) lost.push(transition);
      else taken.add(`${transition.machine} ${edge.from} ${edge.label}`);
    });
    const { link, connection } = connect();
    await connection.join('t');
    link.stall();
    await run(hub.thread('t').send(1));
    await clock.advance(100_000);
    const other = connect().connection;
    other.trip();
    expect(other.stats.path).toBe('tripped.coolingDown');
    other.reset();
    expect(other.state).toBe('open');
    await close();
    expect(lost).toEqual([]);
    expect(errors).toEqual([]);
    expect([...taken]).toEqual(
      expect.arrayContaining([
        'connection open stalled',
        'connection retrying.attempting after sendTimeout',
        'connection tripped.coolingDown after cooldown',
        'connection tripped reset',
        'connection open trip',
        'hub  close',
      ]),
    );
  });
});

it('docs/machines.md is what `npm run docs:machines` makes of the machines', async () => {
  expect(await readFile('docs/machines.md', 'utf8')).toBe(machinesPage());
});
