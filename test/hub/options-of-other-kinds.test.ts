import { createServer } from 'node:http';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createHub, memoryLog } from '../../src/index.ts';
import { httpHandler } from '../../src/http/index.ts';
import { inspectorHandler, statelyInspect } from '../../src/inspector/index.ts';
import { postgresLog } from '../../src/postgres/index.ts';
import { redisLog } from '../../src/redis/index.ts';
import { FakeLink } from '../../src/testing/index.ts';
import { makeHarness, type Harness } from '../support/harness.ts';

let harness: Harness;

beforeEach(() => {
  harness = makeHarness();
});

afterEach(async () => {
  await harness.close();
  expect(harness.errors).toEqual([]);
});

/** What a caller without types may take for options: none of them has an option that could be unknown. */
const STRANGERS: readonly (readonly [string, object])[] = [
  ['a Map', new Map([['lane', 'critical']])],
  ['a Set', new Set(['lane'])],
  ['an array', ['lane']],
  ['an empty array', []],
  ['a Date', new Date(0)],
  ['a promise', Promise.resolve({ lane: 'critical' })],
  ['bytes', new Uint8Array()],
];

const CALLS: Readonly<Record<string, (options: object) => unknown>> = {
  createHub: (options) => createHub(options),
  memoryLog: (options) => memoryLog(options),
  redisLog: (options) => redisLog(options),
  postgresLog: (options) => postgresLog(options),
  httpHandler: (options) => httpHandler(harness.hub, options),
  inspectorHandler: (options) => inspectorHandler(harness.hub, Object(options)),
  statelyInspect: (options) => statelyInspect(Object({ actor: {} }), options),
  'hub.attach': (options) => harness.hub.attach(createServer(), Object(options)),
  'hub.accept': (options) => harness.hub.accept(new FakeLink().attach, options),
  'hub.drain': (options) => harness.hub.drain(options),
  'hub.summaries': (options) => harness.hub.summaries([], options),
  'thread.send': (options) => harness.hub.thread('t').send(1, options),
  'thread.history': (options) => harness.hub.thread('t').history(options),
  'thread.stream': (options) => harness.hub.thread('t').stream(Object(options)),
  'thread.values.set': (options) => harness.hub.thread('t').values.set('k', 1, options),
  'connection.join': (options) => harness.connect().connection.join('t', options),
  'connection.leave': (options) => harness.connect().connection.leave('t', options),
  'hub.user().send': (options) => harness.hub.user('u').send(1, options),
  'hub.to().send': (options) => harness.hub.to(['t']).send(1, Object(options)),
};

describe.each(STRANGERS)('%s is no object of options', (_, options) => {
  it.each(Object.keys(CALLS))('for %s', async (name) => {
    await expect(harness.run((async () => CALLS[name]?.(options))())).rejects.toMatchObject({
      code: 'TC_INVALID_OPTION',
    });
  });
});

it('counts are whole numbers', () => {
  for (const options of [{ maxConnections: 1.5 }, { maxThreads: 2.5 }, { nativeSender: { threads: 1.5 } }])
    expect(() => createHub(options)).toThrow(expect.objectContaining({ code: 'TC_INVALID_OPTION' }));
});
