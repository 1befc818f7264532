import { afterEach, expect, it } from 'vitest';
import { z } from 'zod';
import { defineThread } from '../../src/define/index.ts';
import { inWorker, preencoded, streamArray } from '../../src/index.ts';
import { dataOf, makeHarness, type Harness } from '../support/harness.ts';

let harness: Harness;

afterEach(async () => {
  await harness.close();
});

const room = defineThread('room:*', { message: z.object({ text: z.string(), rows: z.array(z.number()).optional() }) });
const later = defineThread('later:*', { message: z.string().refine(async (text) => text !== 'bad', 'is bad') });

function hubIn(development: boolean) {
  harness = makeHarness({ threads: [room, later], development });
  return harness.hub;
}

it('in development, a message that is none of the definition is refused with its issues', async () => {
  const hub = hubIn(true);
  const untyped: unknown = { text: 7, rows: ['x'] };
  await expect(harness.run(hub.thread(String(room('1'))).send(untyped))).rejects.toMatchObject({
    code: 'TC_INVALID_MESSAGE',
    threadId: 'room:1',
    pattern: 'room:*',
    issues: [{ path: 'text' }, { path: 'rows.0' }],
    message: expect.stringMatching(/^message for thread room:1 is none of room:\*: text: .*; rows\.0: /),
  });
  // also where the compiler does not know
  await expect(harness.run(hub.thread('room:1').send(7))).rejects.toMatchObject({ code: 'TC_INVALID_MESSAGE' });
  await expect(harness.run(hub.thread(later('1')).send('bad'))).rejects.toMatchObject({
    code: 'TC_INVALID_MESSAGE',
    issues: [{ path: '', message: 'is bad' }],
  });
  expect((await harness.run(hub.thread('room:1').history())).messages).toEqual([]);
});

it('what a definition allows is sent as it is, and so is everything without a definition', async () => {
  const hub = hubIn(true);
  const { link, connection } = harness.connect();
  for (const id of [room('1'), later('1'), 'plain']) await harness.run(connection.join(id));
  await harness.run(hub.thread(room('1')).send({ text: 'a' }));
  await harness.run(hub.thread(later('1')).send('b'));
  await harness.run(hub.thread('plain').send({ any: 1 }));
  expect(dataOf(link)).toEqual([{ text: 'a' }, 'b', { any: 1 }]);
});

it('what is no value yet is not checked: bytes, recipes, sources', async () => {
  const hub = hubIn(true);
  const { link, connection } = harness.connect();
  await harness.run(connection.join(room('1')));
  await harness.run(hub.thread(room('1')).send(preencoded(Buffer.from('{"text":"a"}'))));
  await harness.run(hub.thread('room:1').send({ text: 'b', rows: streamArray([1, 2]) }));
  expect(dataOf(link)).toEqual([{ text: 'a' }, { text: 'b', rows: [1, 2] }]);
  const recipe = inWorker('data:text/javascript,export default () => ({})');
  await expect(hub.thread(room('1')).send(recipe, { expiresInMs: 0 })).rejects.toMatchObject({
    code: 'TC_INVALID_OPTION',
  });
});

it('a snapshot is still taken at the call', async () => {
  const hub = hubIn(true);
  const message = { text: 'before' };
  const sent = hub.thread(room('1')).send(message, { snapshot: true });
  message.text = 'after';
  await harness.run(sent);
  expect((await harness.run(hub.thread(room('1')).history())).messages).toMatchObject([{ data: { text: 'before' } }]);
});

it('elsewhere, send is not checked: what the compiler lets through costs nothing', async () => {
  const hub = hubIn(false);
  await harness.run(hub.thread('room:1').send(7));
  expect((await harness.run(hub.thread('room:1').history())).messages).toMatchObject([{ data: 7 }]);
});
