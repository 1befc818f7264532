import { setTimeout as delay } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { memoryLog } from '../../src/index.ts';
import { unansweredLog } from '../support/unanswered-log.ts';
import { EventReader, serveHttp } from './fixtures/http-server.ts';

interface Control {
  readonly streamNextOffset: string;
  readonly streamCursor: string;
  readonly upToDate?: boolean;
}

const controlsOf = ({ events }: EventReader): Control[] =>
  events.filter(({ type }) => type === 'control').map(({ data }) => JSON.parse(data));

const dataOf = ({ events }: EventReader): unknown[] =>
  events.filter(({ type }) => type === 'data').flatMap(({ data }) => JSON.parse(data));

const offsetOf = (response: Response): string => response.headers.get('stream-next-offset') ?? '';

it('reads a thread page by page, each message once, and then waits', async () => {
  const { hub, url } = await serveHttp();
  const thread = hub.thread('räume/42 ?');
  const stream = `${url}/${encodeURIComponent(thread.id)}/stream`;
  // a page has about a megabyte
  const sent = Array.from({ length: 30 }, (_, i) => ({ i, text: 'x'.repeat(100_000) }));
  for (const message of sent) await thread.send(message);
  const read: unknown[] = [];
  const offsets: string[] = [];
  for (let offset = '-1', isDone = false; !isDone;) {
    const response = await fetch(`${stream}?offset=${offset}`);
    expect([response.status, response.headers.get('content-type')]).toEqual([200, 'application/json']);
    const page: unknown[] = JSON.parse(await response.text());
    read.push(...page);
    offset = offsetOf(response);
    offsets.push(offset);
    isDone = response.headers.get('stream-up-to-date') === 'true';
  }
  expect(read).toEqual(sent);
  expect(offsets.length).toBeGreaterThan(2);
  expect(offsets).toEqual(offsets.toSorted());
  const waiting = fetch(`${stream}?live=long-poll&offset=${offsets.at(-1)}`);
  await expect.poll(() => hub.stats().connections.open).toBe(1);
  await thread.send('next');
  expect(await (await waiting).json()).toEqual(['next']);
});

it('streams with a control event after each message, and goes on from its offset', async () => {
  const { hub, url } = await serveHttp();
  const thread = hub.thread('t');
  await thread.send({ n: 1, text: 'a\nb' });
  await thread.send([2]);
  const reader = await EventReader.open(`${url}/t/stream?live=sse&offset=-1`);
  expect(reader.response.headers.get('content-type')).toBe('text/event-stream');
  await reader.until(({ events }) => events.length === 4);
  expect(reader.events.map(({ type }) => type)).toEqual(['data', 'control', 'data', 'control']);
  expect(dataOf(reader)).toEqual([{ n: 1, text: 'a\nb' }, [2]]);
  expect(controlsOf(reader).map(({ upToDate }) => upToDate)).toEqual([undefined, true]);
  const bytes = new Uint8Array([0, 10, 13, 255]);
  await thread.send(bytes);
  await reader.until(({ events }) => events.length === 6);
  expect(dataOf(reader)[2]).toEqual({ base64: Buffer.from(bytes).toString('base64') });
  const big = { big: 'ä'.repeat(400_000) };
  await thread.send(big);
  await reader.until(({ events }) => events.length === 8);
  expect(dataOf(reader)[3]).toEqual(big);
  reader.close();
  await thread.send(4);
  const from = controlsOf(reader).at(-1)?.streamNextOffset ?? '';
  const again = await EventReader.open(`${url}/t/stream?live=sse&offset=${from}`);
  await again.until(({ events }) => events.length === 2);
  expect(dataOf(again)).toEqual([4]);
});

it('gives all readers of a thread its own events, whoever reads other threads', async () => {
  const { hub, url } = await serveHttp();
  const readers = await Promise.all(
    ['a', 'b', 'a', 'b', 'a'].map((id) => EventReader.open(`${url}/${id}/stream?live=sse&offset=now`)),
  );
  for (let i = 0; i < 20; i++) {
    void hub.thread('a').send(`a${i}`);
    await hub.thread('b').send(`b${i}`);
  }
  for (const [i, reader] of readers.entries()) {
    await reader.until(({ events }) => events.length === 41);
    const own = Array.from({ length: 20 }, (_, n) => `${i % 2 === 0 ? 'a' : 'b'}${n}`);
    expect(dataOf(reader)).toEqual(own);
    const offsets = controlsOf(reader).map(({ streamNextOffset }) => streamNextOffset);
    expect(new Set(offsets).size).toBe(21);
    expect(offsets).toEqual(offsets.toSorted());
  }
});

it('answers 410 for an offset that the thread does not go on from, and ends an open stream then', async () => {
  const { hub, url } = await serveHttp({}, { log: memoryLog({ maxEntries: 3 }) });
  const thread = hub.thread('t');
  await thread.send(0);
  const first = offsetOf(await fetch(`${url}/t/stream`));
  const reader = await EventReader.open(`${url}/t/stream?live=sse&offset=-1`);
  await reader.until((one) => dataOf(one).length === 1);
  for (let i = 1; i <= 9; i++) await thread.send(i);
  await reader.until((one) => dataOf(one).length === 10);
  const stale = ['000000000000001.other.x', first];
  for (const offset of stale) {
    for (const live of ['', '&live=long-poll', '&live=sse']) {
      const response = await fetch(`${url}/t/stream?offset=${offset}${live}`);
      expect([response.status, JSON.parse(await response.text())]).toEqual([
        410,
        expect.objectContaining({ code: 'TC_POSITION_LOST' }),
      ]);
    }
  }
  await thread.delete();
  await thread.send('anew');
  await expect.poll(() => reader.isEnded).toBe(true);
  expect(dataOf(reader)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  await expect.poll(() => hub.stats().connections.open).toBe(0);
});

it('keeps the order: no critical message overtakes, and no volatile one is in it', async () => {
  const { hub, url } = await serveHttp();
  const thread = hub.thread('t');
  for (let i = 0; i < 15; i++) await thread.send({ i, text: 'x'.repeat(100_000) });
  await thread.send({ i: 15 }, { lane: 'critical' });
  const response = await fetch(`${url}/t/stream`);
  expect(response.headers.get('stream-up-to-date')).toBeNull();
  const page: { i: number }[] = JSON.parse(await response.text());
  expect(page.map(({ i }) => i)).toEqual(page.map((_, i) => i));
  expect(page.length).toBeLessThan(15);
  const whole = await EventReader.open(`${url}/t/stream?live=sse&offset=-1`);
  await whole.until((one) => controlsOf(one).at(-1)?.upToDate === true);
  expect(dataOf(whole)).toEqual(Array.from({ length: 16 }, (_, i) => expect.objectContaining({ i })));
  const reader = await EventReader.open(`${url}/t/stream?live=sse&offset=now`);
  await reader.until(({ events }) => events.length === 1);
  await thread.send('gone', { lane: 'volatile' });
  await thread.send('kept');
  await reader.until((one) => dataOf(one).length > 0);
  expect(dataOf(reader)).toEqual(['kept']);
});

it('is up to date where the newest entries have no message', async () => {
  const { hub, url } = await serveHttp({}, { heartbeatMs: 300 });
  const thread = hub.thread('t');
  await thread.send('stays');
  const { id } = await thread.send('goes');
  await thread.remove(id);
  const response = await fetch(`${url}/t/stream`);
  expect(await response.json()).toEqual(['stays']);
  const rest = await fetch(`${url}/t/stream?offset=${offsetOf(response)}`);
  expect([await rest.json(), rest.headers.get('stream-up-to-date')]).toEqual([[], 'true']);
  const reader = await EventReader.open(`${url}/t/stream?live=sse&offset=-1`);
  await reader.until((one) => controlsOf(one).at(-1)?.upToDate === true);
});

it('says nothing while the log has not answered, however slow it is, and is up to date only with what it has', async () => {
  const log = unansweredLog(memoryLog());
  const { hub, url } = await serveHttp({}, { log });
  await hub.thread('t').send('one');
  await hub.thread('t').send('two');
  const opening = EventReader.open(`${url}/t/stream?live=sse&offset=-1`);
  const reading = fetch(`${url}/t/stream`);
  const waiting = fetch(`${url}/t/stream?live=long-poll&offset=-1`);
  await expect.poll(() => hub.stats().connections.total).toBe(3);
  // nothing is said while it is not known what the thread has
  let answers = 0;
  for (const answer of [opening, reading, waiting]) void answer.then(() => answers++);
  // longer than a poll waits for what the log is known to have
  await delay(1_200);
  expect(answers).toBe(0);
  log.answer();
  const page = await reading;
  expect([await page.json(), page.headers.get('stream-up-to-date')]).toEqual([['one', 'two'], 'true']);
  expect(await (await waiting).json()).toEqual(['one', 'two']);
  const reader = await opening;
  await reader.until((one) => controlsOf(one).at(-1)?.upToDate === true);
  expect(controlsOf(reader).findIndex(({ upToDate }) => upToDate === true)).toBe(1);
  expect(dataOf(reader)).toEqual(['one', 'two']);
});

it('has an ETag that an edit changes', async () => {
  const { hub, url } = await serveHttp();
  const thread = hub.thread('t');
  const { id } = await thread.send('one');
  const response = await fetch(`${url}/t/stream`);
  const etag = response.headers.get('etag') ?? '';
  const ask = (): Promise<Response> => fetch(`${url}/t/stream`, { headers: { 'if-none-match': etag } });
  expect((await ask()).status).toBe(304);
  await thread.send('two', { replaces: id });
  const edited = await ask();
  expect([edited.status, await edited.json()]).toEqual([200, ['two']]);
  expect(edited.headers.get('cache-control')).toBe('private, no-cache');
});

it('has the limits of the door: who may read, which methods, what is junk', async () => {
  const { url, errors } = await serveHttp({ authorize: (_, threadId) => threadId !== 'secret' });
  const statusOf = async (path: string, method = 'GET'): Promise<number> => {
    const response = await fetch(`${url}${path}`, { method });
    await response.text();
    return response.status;
  };
  for (const live of ['', '?live=long-poll&offset=-1', '?live=sse&offset=-1'])
    expect(await statusOf(`/secret/stream${live}`)).toBe(403);
  expect(await statusOf('/secret/stream', 'HEAD')).toBe(403);
  expect(await statusOf('/t/stream', 'POST')).toBe(405);
  const junk = ['?live=sse', '?live=x&offset=-1', '?offset=', '?offset=1&offset=2', '?offset=%00', '?live=long-poll'];
  for (const query of junk) expect([query, await statusOf(`/t/stream${query}`)]).toEqual([query, 400]);
  expect(await statusOf('/~user:ada/stream')).toBe(400);
  expect(errors).toEqual([]);
});
