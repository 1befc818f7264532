import { expect, test } from 'vitest';
import { connect, InvalidOptionError } from '../../src/client/index.ts';
import { values } from '../../src/values/index.ts';
import { fakeNetwork } from './fake-network.ts';

const NoSocket = (): never => {
  throw new Error('must not be reached');
};

const untyped = (options: unknown): object => Object(options);

test.each([
  [{ connectTimeoutMS: 1 }, 'connectTimeoutMS', 'connectTimeoutMs'],
  [{ Token: 'secret' }, 'Token', 'token'],
  [{ retries: 3 }, 'retries', 'token'],
  [{ backoff: { minMS: 1 } }, 'minMS', 'minMs'],
  [{ backoff: null }, 'backoff', 'object'],
  [{ backoff: 500 }, 'backoff', 'object'],
  [{ token: 42 }, 'token', 'string'],
  [{ token: null }, 'token', 'string'],
  [{ inbox: { form: 'start' } }, 'form', 'from'],
  [{ inbox: { from: 'nowhere' } }, 'from', 'position'],
  [{ backoff: { minMs: 900, maxMs: 800 } }, 'maxMs', '900'],
  [{ maxQueued: 2 ** 31 }, 'maxQueued', 'number'],
  [{ maxQueued: 1.5 }, 'maxQueued', 'number'],
  [{ clock: Date }, 'clock', 'object'],
  [{ random: 0.5 }, 'random', 'function'],
  [{ newId: 'id' }, 'newId', 'function'],
  [{ maxQueued: '10' }, 'maxQueued', 'number'],
  [{ maxBuffered: Number.NaN }, 'maxBuffered', 'number'],
])('connect with %j is refused, before a socket is opened', (options, option, word) => {
  const error = (() => {
    try {
      connect('ws://hub.test', untyped({ WebSocket: NoSocket, ...options }));
    } catch (thrown) {
      return thrown;
    }
    return undefined;
  })();
  expect(error).toBeInstanceOf(InvalidOptionError);
  expect(error).toMatchObject({ code: 'TC_INVALID_OPTION', option });
  expect(String(error)).toContain(word);
  expect(String(error)).not.toContain('secret');
});

test.each([
  ['a Map', new Map([['token', 'secret']])],
  ['a Set', new Set()],
  ['an array', []],
  ['a Date', new Date(0)],
  ['a promise', Promise.resolve({})],
  ['bytes', new Uint8Array()],
  ['null', null],
  ['a text', 'token'],
  ['a function', () => {}],
])('%s is no object of options, for no call', async (_, options) => {
  const refusal = expect.objectContaining({ code: 'TC_INVALID_OPTION' });
  const calling = (call: (options: never) => unknown) => () => Reflect.apply(call, undefined, [options]);
  expect(calling((given) => connect('ws://hub.test', given))).toThrow(refusal);
  const { client } = fakeNetwork({ values });
  const thread = client.join('t1');
  expect(calling((given) => client.join('t1', given))).toThrow(refusal);
  await expect(calling((given) => client.publish('t1', 1, given))()).rejects.toEqual(refusal);
  await expect(calling((given) => thread.loadOlder(given))()).rejects.toEqual(refusal);
  await expect(calling((given) => thread.values?.set('key', 1, given))()).rejects.toEqual(refusal);
});

test('an object of a class, or of no class, is one', () => {
  class Options {
    readonly from = 'start';
  }
  const { client } = fakeNetwork();
  expect(client.join('t1', new Options()).id).toBe('t1');
  expect(client.join('t1', Object.assign(untyped(Object.create(null)), { from: 'start' })).id).toBe('t1');
});

test.each([undefined, null, '', 'undefined', 'ftp://hub.test', 'ws://[', 42, {}])('so is %j for a URL', (url) => {
  const options = { token: undefined };
  expect(() => Reflect.apply(connect, undefined, [url, options])).toThrow(
    expect.objectContaining({ code: 'TC_INVALID_OPTION', option: 'url' }),
  );
});

test('a time may have a fraction', () => {
  const { client } = fakeNetwork({ connectTimeoutMs: 1_500.5 });
  expect(client.state).toBe('connecting');
});

test('so is a misspelled or wrong option of a join or a message, and a listener that is none', async () => {
  const { client } = fakeNetwork();
  const code = 'TC_INVALID_OPTION';
  const wrong = [{ form: 'start' }, { from: 7 }, { onGap: true }, { from: null }];
  for (const options of wrong) {
    expect(() => client.join('t1', untyped(options))).toThrow(
      expect.objectContaining({ code, option: Object.keys(options)[0] }),
    );
  }
  for (const options of [{ ID: 'a' }, { id: 7 }, { timeoutMs: '1' }, { trace: 1 }]) {
    await expect(client.publish('t1', 1, untyped(options))).rejects.toMatchObject({
      code,
      option: Object.keys(options)[0],
    });
  }
  const listener: () => void = Object('log');
  expect(() => client.on('state', listener)).toThrow(expect.objectContaining({ code, option: 'listener' }));
  // undefined is as good as nothing
  expect(client.join('t1', { from: undefined, onGap: undefined }).id).toBe('t1');
});

test('an event that there is not is refused, for the client, a thread and the inbox', () => {
  const { client } = fakeNetwork();
  // what a page without types may do
  const on = (target: object, event: string) => () =>
    Reflect.apply(Reflect.get(target, 'on'), target, [event, () => {}]);
  const refusal = expect.objectContaining({ code: 'TC_INVALID_OPTION', option: 'event' });
  expect(on(client, 'mesage')).toThrow(refusal);
  expect(on(client, 'message')).toThrow(refusal);
  expect(on(client.join('t1'), 'messages')).toThrow(refusal);
  expect(on(client.inbox, 'joined')).toThrow(refusal);
});
