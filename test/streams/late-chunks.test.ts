import { afterEach, beforeEach, expect, test } from 'vitest';
import type { ChunkStream } from '../../src/index.ts';
import { ChunkLog } from '../../src/chunks/chunk-log.ts';
import { fieldsOf } from '../../src/client/fields.ts';
import { uiMessageCodec } from '../../src/ai/ui-message-codec.ts';
import { chunkOf, type UIChunk } from '../../src/ai/chunk.ts';
import { FakeLink } from '../../src/testing/index.ts';
import { dataOf, framesOf, makeHarness, type Harness } from '../support/harness.ts';

let harness: Harness;

beforeEach(() => {
  harness = makeHarness({ streams: { codecs: [uiMessageCodec] } });
});
afterEach(async () => {
  expect(harness.errors).toEqual([]);
  await harness.close();
});

const BIG = 1024 * 1024;
const result = (id: string, size = BIG): UIChunk =>
  chunkOf('tool-output-available', { toolCallId: id, output: 'x"'.repeat(size / 2) });
const call = (id: string): UIChunk => chunkOf('tool-input-available', { toolCallId: id, toolName: 't', input: {} });
const approval = chunkOf('tool-approval-request', { toolCallId: 'b', approvalId: 'p' });
const BEGIN = [chunkOf('start', { messageId: 'm' }), call('a')];

async function join(frame: object = {}): Promise<FakeLink> {
  const link = new FakeLink();
  harness.hub.accept(link.attach, { authorize: () => true });
  link.say({ t: 'join', th: 't', codecs: ['ui-message'], late: true, ...frame });
  await harness.clock.settle();
  return link;
}

const begin = (...chunks: UIChunk[]): ChunkStream<UIChunk> => {
  const stream = harness.hub.thread('t').stream({ id: 's', codec: uiMessageCodec });
  for (const chunk of chunks) void stream.write(chunk);
  return stream;
};

/** The types of what a client of ours has of the stream. */
function held(link: FakeLink): string[] {
  const log = new ChunkLog({ maxBytes: Infinity, report: (error) => harness.errors.push(error) });
  for (const frame of framesOf(link, 'chunks').map(fieldsOf)) {
    const isTaken =
      frame['n'] === undefined ? log.receive(frame, uiMessageCodec) : log.receivePiece(frame, uiMessageCodec);
    expect(isTaken).toBe(true);
  }
  return log.chunks.map(({ type }) => type);
}

const REST = ['start', 'tool-input-available'];

test('a big result comes in pieces, and what follows passes it; the end waits for it', async () => {
  const link = await join();
  const stream = begin(...BEGIN);
  await harness.clock.advance(50);
  link.stall();
  void stream.write(result('a'));
  await harness.clock.advance(50);
  void stream.write(chunkOf('finish', {}));
  const ended = stream.end();
  await harness.clock.advance(50);
  link.resume();
  await harness.run(ended);
  await harness.clock.advance(1_000);
  const frames = framesOf(link, 'chunks');
  expect(frames.filter(({ n }) => n !== undefined).length).toBeGreaterThan(10);
  expect(held(link)).toEqual([...REST, 'tool-output-available', 'finish']);
  // before the message that ends the stream
  expect(link.messages.map((frame) => fieldsOf(frame)['t']).lastIndexOf('chunks')).toBeLessThan(
    link.messages.map((frame) => fieldsOf(frame)['t']).indexOf('msg'),
  );
  expect(dataOf(link)).toMatchObject([{ parts: [{ state: 'output-available' }] }]);
});

test('an approval that is written in the middle comes before the rest, and so does another thread', async () => {
  const link = new FakeLink();
  harness.hub.accept(link.attach, { authorize: () => true });
  for (const th of ['t', 'u']) link.say({ t: 'join', th, codecs: ['ui-message'], late: true });
  await harness.clock.settle();
  const stream = begin(...BEGIN, result('a'));
  // the line takes one write at a time
  for (let i = 0; i < 6; i++) {
    link.stall();
    await harness.clock.advance(20);
    link.resume();
  }
  const pieces = (): number => framesOf(link, 'chunks').filter(({ n }) => n !== undefined).length;
  link.stall();
  for (const chunk of [call('b'), approval]) void stream.write(chunk);
  await harness.run(harness.hub.thread('u').send('hello'));
  const before = pieces();
  link.resume();
  await harness.clock.advance(1_000);
  const seen = link.messages.map(fieldsOf);
  const at = (of: (frame: Readonly<Record<string, unknown>>) => boolean): number => seen.findIndex(of);
  const last = at(({ n, of }) => n !== undefined && Number(n) + 1 === of);
  expect(before).toBeGreaterThan(0);
  expect(at(({ d }) => JSON.stringify(d ?? null).includes('tool-approval-request'))).toBeLessThan(last);
  expect(at(({ t }) => t === 'msg')).toBeLessThan(last);
  expect(held(link)).toEqual([...REST, 'tool-input-available', 'tool-approval-request', 'tool-output-available']);
  await harness.run(stream.end());
});

test('a client that takes no pieces, and one with a small result, get chunks in order', async () => {
  const [old, link] = [await join({ late: undefined }), await join()];
  const stream = begin(...BEGIN, result('a', 1_000), result('c'), call('b'));
  await harness.clock.advance(1_000);
  expect(held(old)).toEqual([...REST, 'tool-output-available', 'tool-output-available', 'tool-input-available']);
  expect(held(link)).toEqual([...REST, 'tool-output-available', 'tool-input-available', 'tool-output-available']);
  expect(framesOf(old, 'chunks').every(({ n, late }) => n === undefined && late === undefined)).toBe(true);
  await harness.run(stream.end());
});

test('a client that comes back in the middle gets all of it', async () => {
  const stream = begin(...BEGIN, result('a'), call('b'), approval);
  const link = await join();
  link.stall();
  await harness.clock.advance(50);
  link.terminate();
  const again = await join({ s: { s: 0 } });
  await harness.clock.advance(1_000);
  void stream.write(chunkOf('finish', {}));
  await harness.run(stream.end());
  expect(held(again).toSorted()).toEqual(
    [...REST, 'tool-input-available', 'tool-approval-request', 'tool-output-available', 'finish'].toSorted(),
  );
});

test('leaving in the middle, a new join, and an erased thread leave nothing behind', async () => {
  const stream = begin(...BEGIN, result('a'));
  const link = await join();
  link.stall();
  await harness.clock.advance(50);
  link.say({ t: 'leave', th: 't' });
  link.say({ t: 'join', th: 't', codecs: ['ui-message'], late: true });
  link.resume();
  await harness.clock.advance(1_000);
  await harness.run(harness.hub.thread('t').delete());
  await harness.clock.advance(1_000);
  expect(stream.signal.aborted).toBe(true);
});

test('an urgent big message that is in parts goes on, and does not begin again, while the end of a stream waits for its pieces', async () => {
  const link = await join({ parts: true });
  const stream = begin(...BEGIN);
  await harness.clock.advance(50);
  link.stall();
  const text = 'y'.repeat(BIG);
  const sent = harness.hub.thread('t').send(text, { lane: 'critical' });
  await harness.clock.advance(50);
  void stream.write(result('a'));
  void stream.write(chunkOf('finish', {}));
  const ended = stream.end();
  await harness.clock.advance(50);
  for (let i = 0; i < 100; i++) {
    link.take(30_000);
    await harness.clock.advance(10);
    if (i % 5 === 0) link.sayPong();
  }
  link.resume();
  await Promise.all([harness.run(sent), harness.run(ended)]);
  await harness.clock.advance(1_000);
  const parts = framesOf(link, 'part').filter(({ o }) => o === 1);
  expect(parts.map(({ n }) => n)).toEqual([...parts.keys()]);
  expect(JSON.parse(parts.map(({ d }) => d).join(''))).toBe(text);
  expect(held(link)).toEqual([...REST, 'tool-output-available', 'finish']);
});
