import { createInspector, type StatelyInspectionEvent } from '@statelyai/inspect';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { statelyInspect, type StatelyInspectOptions } from '../../src/inspector/stately.ts';
import { makeHarness, type Harness } from '../support/harness.ts';

let sent: StatelyInspectionEvent[];
let harness: Harness;

/** A hub watched by the real inspector of Stately, whose line to the outside is this test. */
function watch(options: StatelyInspectOptions & { breaks?: boolean } = {}): Harness {
  const { breaks = false, ...rest } = options;
  const inspector = createInspector({
    send(event) {
      if (breaks) throw new Error('the line is broken');
      sent.push(event);
    },
  });
  harness = makeHarness({ inspect: statelyInspect(inspector, rest) });
  return harness;
}

beforeEach(() => {
  sent = [];
});

afterEach(() => harness.close());

const actors = () => sent.filter((event) => event.type === '@xstate.actor');

describe('statelyInspect', () => {
  it('shows each actor by its own id, and a definition once for all that share it', () => {
    const { connect } = watch();
    const connections = [connect(), connect(), connect()].map(({ connection }) => connection);
    expect(actors().map(({ sessionId }) => sessionId)).toEqual([
      'hub',
      'serializer',
      ...connections.map(({ id }) => `connection:${id}`),
    ]);
    const definitions = actors().flatMap(({ definition }) => (definition === undefined ? [] : [definition]));
    expect(definitions.map((text) => JSON.parse(text)).map(({ id }) => id)).toEqual([
      'hub',
      'serializer',
      'connection',
    ]);
    const [, , first] = actors();
    expect(first?.snapshot.value).toBe('open');
  });

  it('shows events and the states after them', async () => {
    const { connect, clock } = watch({ filter: ({ machine }) => machine === 'connection' });
    const { connection } = connect();
    connection.trip();
    await clock.advance(30_000);
    const states = sent.flatMap((event) => (event.type === '@xstate.snapshot' ? [readValue(event.snapshot)] : []));
    expect(states).toEqual(expect.arrayContaining(['open', { tripped: 'coolingDown' }, { tripped: 'probing' }]));
    expect(sent.flatMap((event) => (event.type === '@xstate.event' ? [event.event.type] : []))).toContain('trip');
    expect(new Set(sent.map(({ sessionId }) => sessionId))).toEqual(new Set([`connection:${connection.id}`]));
  });

  it('sends the definition with each actor where that is wanted', () => {
    const { connect } = watch({ definitions: 'always', filter: ({ machine }) => machine === 'connection' });
    connect();
    connect();
    expect(actors().map(({ definition }) => definition !== undefined)).toEqual([true, true]);
  });

  it('shows a share of the actors, each whole or not at all', () => {
    const { connect } = watch({ sample: 0.25, filter: ({ machine }) => machine === 'connection' });
    for (let i = 0; i < 2_000; i++) connect().connection.trip();
    const shown = new Set(actors().map(({ sessionId }) => sessionId));
    expect(shown.size).toBeGreaterThan(400);
    expect(shown.size).toBeLessThan(600);
    expect(new Set(sent.map(({ sessionId }) => sessionId))).toEqual(shown);
  });

  it('never throws into an actor, nor into the event loop', async () => {
    const caught: unknown[] = [];
    const { connect, clock, errors } = watch({
      breaks: true,
      onError: (error) => {
        caught.push(error);
        if (caught.length === 3) throw new Error('and so is the handler');
      },
    });
    const { connection } = connect();
    connection.trip();
    await clock.advance(60_000);
    expect(connection.state).toBe('open');
    expect(caught.length).toBeGreaterThan(5);
    expect(errors).toEqual([]);
  });
});

function readValue(snapshot: object): unknown {
  return 'value' in snapshot ? snapshot.value : undefined;
}
