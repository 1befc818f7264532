import { expect, test } from 'vitest';
import {
  MessageTooLargeError,
  SerializerQueueFullError,
  UnserializableMessageError,
  WorkerFailedError,
} from '../../../src/infra/errors.ts';
import { inWorker } from '../../../src/infra/serialization/workers/recipe.ts';
import { failureOf, recipe, sharedWords, testPool, textOf } from './fixtures/support.ts';

test('a recipe that throws: its error is the cause, with name, code, stack and causes', async () => {
  const pool = testPool();
  const failure = await failureOf(pool.run(recipe('throws')));
  expect(failure).toBeInstanceOf(WorkerFailedError);
  expect(failure).toMatchObject({
    code: 'TC_WORKER_FAILED',
    url: new URL('./fixtures/recipes.js', import.meta.url).href,
    reason: 'it threw: no such month',
    cause: { name: 'RangeError', code: 'E_MONTH', cause: { message: 'asked for 13' } },
  });
  expect(failure).toHaveProperty('cause.stack', expect.stringContaining('recipes.js'));
});

test('a recipe that throws what is no error', async () => {
  const failure = await failureOf(testPool().run(recipe('throwsOdd')));
  expect(failure).toMatchObject({ code: 'TC_WORKER_FAILED', cause: { message: 'an odd thing' } });
});

test.each([
  ['a module that does not exist', new URL('./fixtures/missing.js', import.meta.url), { code: 'ERR_MODULE_NOT_FOUND' }],
  ['a module that breaks', new URL('./fixtures/broken-module.js', import.meta.url), { message: 'broken at import' }],
  ['a module with a syntax error', 'data:text/javascript,export default (', { name: 'SyntaxError' }],
])('%s', async (_, url, cause) => {
  const failure = await failureOf(testPool().run(inWorker(url)));
  expect(failure).toBeInstanceOf(WorkerFailedError);
  expect(failure).toMatchObject({ reason: 'its module could not be loaded', cause });
});

test.each(['missing', 'notAFunction', 'toString', '__proto__'])('no function as export %s', async (name) => {
  const failure = await failureOf(testPool().run(recipe(name)));
  expect(failure).toMatchObject({
    code: 'TC_WORKER_FAILED',
    reason: `its module has no function as export "${name}"`,
  });
});

test('a long data: URL is cut in the error', async () => {
  const failure = await failureOf(testPool().run(inWorker(`data:text/javascript,${'/'.repeat(10_000)}`)));
  expect(failure).toBeInstanceOf(WorkerFailedError);
  expect(String(failure).length).toBeLessThan(300);
});

test.each([
  ['nothing', 'undefined, which is no JSON'],
  ['aFunction', 'function, which is no JSON'],
  ['emptyToJson', 'toJSON returns nothing'],
  ['bigint', 'Do not know how to serialize a BigInt'],
  ['cycle', 'Converting circular structure to JSON'],
  ['throwingToJson', 'toJSON has had enough'],
])('a result that is no JSON: %s', async (name, reason) => {
  const failure = await failureOf(testPool().run(recipe(name)));
  expect(failure).toBeInstanceOf(UnserializableMessageError);
  expect(failure).toHaveProperty('message', expect.stringContaining(reason));
  expect(String(failure)).not.toContain('\n');
});

test('arguments that cannot be cloned never reach a worker', async () => {
  const pool = testPool();
  const failure = await failureOf(pool.run(recipe('default', { callback: () => {} })));
  expect(failure).toBeInstanceOf(UnserializableMessageError);
  expect(failure).toHaveProperty('message', expect.stringContaining("the recipe's arguments"));
  expect(pool.stats).toMatchObject({ threads: 0, running: 0, queued: 0 });
});

test('JSON over the limit stays in the worker; at the limit it passes', async () => {
  const pool = testPool({ maxBytes: 12 });
  expect((await pool.run(recipe('default', 1))).bytes).toBe(11);
  expect((await pool.run(recipe('default', 12))).bytes).toBe(12);
  const failure = await failureOf(pool.run(recipe('default', 123)));
  expect(failure).toBeInstanceOf(MessageTooLargeError);
  expect(failure).toMatchObject({ bytes: 13, limit: 12 });
  expect((await pool.run(recipe('default', 123), { maxBytes: 13 })).bytes).toBe(13);
});

test('in development, what JSON would lose in silence is an error that names the path', async () => {
  const failure = await failureOf(testPool({ refuseLossy: true }).run(recipe('withTags')));
  expect(failure).toMatchObject({ code: 'TC_UNSERIALIZABLE_MESSAGE', path: '$.list[0].tags' });
  expect((await testPool().run(recipe('withTags'))).bytes).toBe('{"list":[{"tags":{}}]}'.length);
});

test('the limit counts bytes, not characters', async () => {
  const failure = await failureOf(testPool().run(recipe('unicode'), { maxBytes: 12 }));
  expect(failure).toMatchObject({
    code: 'TC_MESSAGE_TOO_LARGE',
    bytes: Buffer.byteLength(JSON.stringify('é€😀\ud800')),
  });
});

test('JSON that no string can hold is too large, not a crash', async () => {
  const failure = await failureOf(testPool().run(recipe('tooLongForAString'), { maxBytes: Infinity }));
  expect(failure).toBeInstanceOf(MessageTooLargeError);
});

test('a full queue refuses, and takes again when a place is free', async () => {
  const pool = testPool({ maxQueue: 1 });
  const { shared, words, started } = sharedWords();
  const running = pool.run(recipe('held', { shared }));
  const queued = pool.run(recipe('default', 1));
  const failure = await failureOf(pool.run(recipe('default', 2)));
  expect(failure).toBeInstanceOf(SerializerQueueFullError);
  expect(failure).toMatchObject({ queued: 2, limit: 1 });
  expect(pool.stats).toMatchObject({ running: 1, queued: 1, failed: 0 });
  await started;
  Atomics.store(words, 1, 1);
  Atomics.notify(words, 1);
  expect(textOf(await running)).toBe('"released"');
  expect(textOf(await queued)).toBe('{"hello":1}');
  expect(textOf(await pool.run(recipe('default', 3)))).toBe('{"hello":3}');
});
