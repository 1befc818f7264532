import { afterEach, describe, expect, it } from 'vitest';
import { createHub, streamArray, UnserializableMessageError, type Hub, type SendOptions } from '../../../src/index.ts';

let hub: Hub;

afterEach(() => hub.close());

const big = Array.from({ length: 5_000 }, (_, i) => ({ i, text: 'some text' }));

async function refusal(message: unknown, options?: SendOptions): Promise<UnserializableMessageError> {
  try {
    await hub.thread('t').send(message, options);
  } catch (error) {
    if (error instanceof UnserializableMessageError) return error;
    throw error;
  }
  throw new Error('it was sent');
}

class Tags extends Map<string, string> {}

describe('in development', () => {
  it.each([
    ['a Map', { user: { tags: new Map([['a', 1]]) } }, '$.user.tags', 'Map'],
    ['a Set in an array', { list: [1, new Set([2])] }, '$.list[1]', 'Set'],
    ['a Blob', { file: new Blob(['x']) }, '$.file', 'Blob'],
    ['a URLSearchParams', { query: new URLSearchParams('a=1') }, '$.query', 'URLSearchParams'],
    ['a generator', { rows: (function* () {})() }, '$.rows', 'Generator'],
    ['an array iterator', { rows: [1].values() }, '$.rows', 'Array Iterator'],
    ['entries of a Map', { rows: new Map().entries() }, '$.rows', 'Map Iterator'],
    ['keys of a Set', [new Set().keys()], '$[0]', 'Set Iterator'],
    ['matches', { found: 'a'.matchAll(/a/g) }, '$.found', 'RegExp String Iterator'],
    ['an async generator', { rows: (async function* () {})() }, '$.rows', 'AsyncGenerator'],
    ['a WeakMap', { weak: new WeakMap() }, '$.weak', 'WeakMap'],
    ['a WeakRef', { weak: new WeakRef({}) }, '$.weak', 'WeakRef'],
    ['a RegExp', { pattern: /a/ }, '$.pattern', 'RegExp'],
    ['a Response', { reply: new Response('x') }, '$.reply', 'Response'],
    ['an AbortSignal', { signal: AbortSignal.abort() }, '$.signal', 'AbortSignal'],
    ['a ReadableStream', { body: new ReadableStream() }, '$.body', 'ReadableStream'],
    ['an Intl object', { order: new Intl.Collator() }, '$.order', 'Intl.Collator'],
    ['a subclass', { tags: new Tags() }, '$.tags', 'Map'],
    ['a typed array', { pixels: new Float32Array(3) }, '$.pixels', 'Float32Array'],
    ['a long typed array', { pixels: new Uint8Array(100_000) }, '$.pixels', 'Uint8Array'],
    ['an ArrayBuffer', [new ArrayBuffer(3)], '$[0]', 'ArrayBuffer'],
    ['a DataView', { view: new DataView(new ArrayBuffer(3)) }, '$.view', 'DataView'],
    ['a Promise that was not awaited', { user: Promise.resolve(1) }, '$.user', 'Promise'],
    ['an Error', { error: new Error('no') }, '$.error', 'Error'],
    ['the message itself', new Map(), '$', 'Map'],
    ['what a toJSON returns', { a: { toJSON: () => ({ tags: new Set() }) } }, '$.a.tags', 'Set'],
    ['something far in a big message', { big, last: [{ tags: new Map() }] }, '$.last[0].tags', 'Map'],
    ['what comes from a source', { rows: streamArray([{ ok: 1 }, { tags: new Map() }]) }, '$.rows[1].tags', 'Map'],
  ])('%s inside a message is an error that names the path', async (_, message, path, kind) => {
    hub = createHub({ development: true });
    const error = await refusal(message);
    expect(error).toMatchObject({ code: 'TC_UNSERIALIZABLE_MESSAGE', path, isLossy: true });
    expect(error.message).toContain(`${kind} has no JSON form at ${path}`);
    expect((await hub.thread('t').history()).messages).toEqual([]);
  });

  it('also where the message is taken as it is at the call, or built in a worker', async () => {
    hub = createHub({ development: true });
    const message = { big, tags: new Map() };
    expect(await refusal(message, { snapshot: true })).toMatchObject({ path: '$.tags' });
  });

  it('what gives itself a form is as it says', async () => {
    hub = createHub({ development: true });
    class Listed extends Set<number> {
      toJSON(): number[] {
        return [...this];
      }
    }
    class Named {
      readonly text = 'a';
      get [Symbol.toStringTag](): string {
        return 'Named';
      }
    }
    const named = new Named();
    const message = {
      named,
      url: new URL('http://a.test'),
      at: new Date(0),
      bytes: Buffer.from('ab'),
      set: new Listed([1]),
      none: Object.create(null),
      big,
    };
    const { position } = await hub.thread('t').send(message);
    expect(position).toBeDefined();
    const [entry] = (await hub.thread('t').history()).messages;
    expect(entry?.data).toEqual(JSON.parse(JSON.stringify(message)));
  });
});

it('in production the bytes are those of JSON.stringify', async () => {
  hub = createHub({ development: false });
  const message = { tags: new Map([['a', 1]]), pixels: new Uint8Array(2) };
  await hub.thread('t').send(message);
  const [entry] = (await hub.thread('t').history()).messages;
  expect(entry?.data).toEqual({ tags: {}, pixels: { 0: 0, 1: 0 } });
});
