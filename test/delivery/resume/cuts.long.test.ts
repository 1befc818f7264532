import { allMessages } from '../../support/all-messages.ts';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { expect, it, onTestFinished } from 'vitest';
import { connect, type Client } from '../../../src/client/index.ts';
import { createHub, memoryLog } from '../../../src/index.ts';
import { startCuttingProxy } from '../../support/cutting-proxy.ts';
import { mulberry32 } from '../../support/random.ts';
import { seed } from '../../support/tier.ts';

/** `npm run soak` makes 20,000, from a seed of chance; `SEED` repeats a run's cuts. */
const CUTS = Number(process.env['CUTS'] ?? 500);

const CLIENTS = 6;
/** Bytes that a connection lives for: from the middle of the handshake to a part of a big message, never all of one. */
const SHORTEST = 20;
const LONGEST = 300_000;
const BIG_CHARACTERS = 400_000;
const EVERY_BIG = 50;

/** A few kilobytes, now and then half a megabyte, so that all connections come to their ends. */
const textOf = (n: number): string => `${n} "ä€😀" `.repeat((n % EVERY_BIG === 20 ? BIG_CHARACTERS : 4_000) / 10);

const ascending = (a: number, b: number): number => a - b;

/** Sockets and timers have theirs. */
const nextTurn = (): Promise<void> => new Promise((resolve) => void setTimeout(resolve, 1));

interface Reader {
  readonly client: Client;
  /** Numbers of the messages, in the order in which they came; those that came ahead separately. */
  readonly inOrder: number[];
  readonly ahead: number[];
  readonly wrong: unknown[];
  readonly gaps: unknown[];
  readonly errors: unknown[];
  /** Parts that came after a first part of the same message had come on another connection. */
  resumedParts: number;
}

function read(url: string): Reader {
  const client = connect(url, { backoff: { minMs: 1, maxMs: 20 } });
  const reader: Reader = { client, inOrder: [], ahead: [], wrong: [], gaps: [], errors: [], resumedParts: 0 };
  let beganOn = 0;
  let dials = 0;
  client.on('error', (error) => {
    // several cuts in a row during the handshake are to be expected
    if (Reflect.get(Object(error), 'code') !== 'TC_CONNECTION_FAILING') reader.errors.push(error);
  });
  client.on('state', ({ to }) => {
    if (to === 'open') dials++;
  });
  const thread = client.join('t', { from: 'start' });
  thread.on('message', ({ data, ahead }) => {
    const { n, text } = Object(data);
    if (text !== textOf(n)) reader.wrong.push(n);
    (ahead ? reader.ahead : reader.inOrder).push(n);
  });
  thread.on('gap', (gap) => reader.gaps.push(gap));
  thread.on('progress', ({ parts }) => {
    if (parts === 1) beganOn = dials;
    else if (beganOn !== dials) reader.resumedParts++;
  });
  return reader;
}

/** Whatever the line does, the message is accepted, once. */
async function publishThrough(reader: Reader, name: string, isOver: () => boolean): Promise<string[]> {
  const published: string[] = [];
  while (!isOver() && published.length < 200) {
    const { messageId } = await reader.client.publish('inbox', `${name} ${published.length}`);
    published.push(messageId);
  }
  return published;
}

it(`${CUTS} cut connections (seed ${seed}): everybody has all messages, in order and once, and has published once what it published`, async () => {
  const random = mulberry32(seed);
  const hub = createHub({ log: memoryLog({ maxEntries: 1e6, maxBytes: 2 ** 30 }) });
  const errors: unknown[] = [];
  hub.on('error', (error) => errors.push(error));
  const http = createServer();
  hub.attach(http, {
    authorize: () => true,
    onPublish: (_, { threadId, id, data }) => hub.thread(threadId).send(data, { idempotencyKey: id }),
  });
  http.listen(0, '127.0.0.1');
  await once(http, 'listening');
  const address = http.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  const proxy = await startCuttingProxy(address.port, () => Math.floor(SHORTEST * (LONGEST / SHORTEST) ** random()));
  const readers = Array.from({ length: CLIENTS }, () => read(`ws://127.0.0.1:${proxy.port}`));
  onTestFinished(async () => {
    for (const { client } of readers) client.close();
    await hub.close();
    await proxy.close();
    http.close();
  });

  const publications = readers.map((reader, i) => publishThrough(reader, `client ${i}`, () => proxy.cuts >= CUTS));
  let sent = 0;
  const send = async (): Promise<void> => {
    const n = sent++;
    await hub.thread('t').send({ n, text: textOf(n) }, { lane: n % 7 === 0 ? 'critical' : 'normal' });
  };
  const haveAll = (): boolean => readers.every(({ inOrder, ahead }) => inOrder.length + ahead.length >= sent);
  while (proxy.cuts < CUTS) {
    await send();
    const { cuts } = proxy;
    while (proxy.cuts === cuts && !haveAll()) await nextTurn();
  }
  proxy.mend();
  const published = await Promise.all(publications);
  await send();
  while (!haveAll()) await nextTurn();

  const all = Array.from({ length: sent }, (_, n) => n);
  for (const { inOrder, ahead, wrong, gaps, errors: clientErrors } of readers) {
    expect([...inOrder, ...ahead].toSorted(ascending)).toEqual(all);
    expect(inOrder).toEqual(inOrder.toSorted(ascending));
    expect([wrong, gaps, clientErrors]).toEqual([[], [], []]);
  }
  // no connection lived long enough for a whole big one
  expect(readers.reduce((sum, { resumedParts }) => sum + resumedParts, 0)).toBeGreaterThan(0);
  const inbox = await allMessages(hub.thread('inbox'));
  expect(inbox.map(({ id }) => id).toSorted()).toEqual(published.flat().toSorted());
  for (let i = 0; i < CLIENTS; i++) {
    const mine = inbox.map(({ data }) => String(data)).filter((text) => text.startsWith(`client ${i} `));
    expect(mine).toEqual(mine.map((_, k) => `client ${i} ${k}`));
  }
  expect(proxy.cuts).toBeGreaterThanOrEqual(CUTS);
  expect(errors).toEqual([]);
}, 600_000);
