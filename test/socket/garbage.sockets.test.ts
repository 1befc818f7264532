import { once } from 'node:events';
import { createServer } from 'node:http';
import { connect as connectTcp } from 'node:net';
import { expect, it, onTestFinished } from 'vitest';
import { WebSocket } from 'ws';
import { createHub } from '../../src/index.ts';
import { mulberry32 } from '../support/random.ts';
import { seed } from '../support/tier.ts';

const FRAMES = 10_000;

const random = mulberry32(seed);
const pick = <T>(...choices: T[]): T | undefined => choices[Math.floor(random() * choices.length)];
const bytes = (length: number): Buffer => Buffer.from(Array.from({ length }, () => Math.floor(random() * 256)));

/** What no client should send: no JSON, no object, words and fields that are none, far too deep, too long, or binary. */
function garbage(): string | Buffer {
  const value = (): unknown =>
    pick<unknown>(
      null,
      true,
      -1,
      Number.MAX_VALUE,
      'x',
      'x'.repeat(300),
      [],
      {},
      { t: 'join' },
      'e.1.',
      '\u0000\uD800',
      2 ** 53,
    );
  const word = pick(
    'join',
    'joins',
    'leave',
    'ack',
    'acks',
    'pub',
    'cancel',
    'msg',
    'part',
    'constructor',
    '__proto__',
    'toString',
    '',
  );
  const kind = random();
  if (kind < 0.003) return bytes(Math.floor(random() * 200));
  if (kind < 0.006) return bytes(50).toString('latin1');
  if (kind < 0.009) return '['.repeat(5_000);
  if (kind < 0.012) return JSON.stringify(value()) ?? '';
  const frame = {
    t: word,
    th: value(),
    id: value(),
    from: value(),
    o: value(),
    d: value(),
    s: value(),
    have: value(),
    l: pick<unknown>(value(), [], [[]], [['t', 1]], [[value(), 1]]),
  };
  // most are well enough formed not to end the connection, so that the next ones are looked at as well
  const isTame = kind < 0.99;
  return JSON.stringify(
    isTame
      ? {
          ...frame,
          th: pick('nowhere', 'no\nid', 't', '~user:ada', '部屋/1'),
          id: pick('a', '?'),
          from: undefined,
          o: 5,
        }
      : frame,
  );
}

it(`${FRAMES} frames of garbage (seed ${seed}) change nothing for the others`, async () => {
  const hub = createHub({ maxInputBytes: 100_000 });
  const errors: unknown[] = [];
  hub.on('error', (error) => errors.push(error));
  const http = createServer();
  hub.attach(http, {
    authenticate: ({ url = '' }) => ({ userId: url.includes('mallory') ? 'mallory' : 'ada' }),
    authorize: ({ userId }, threadId) => userId === 'ada' && threadId === 't',
  });
  http.listen(0, '127.0.0.1');
  await once(http, 'listening');
  const address = http.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  const { port } = address;
  onTestFinished(async () => {
    await hub.close();
    http.close();
  });

  const others = Array.from({ length: 3 }, () => new WebSocket(`ws://127.0.0.1:${port}/?user=ada&thread=t`));
  const got: unknown[][] = others.map(() => []);
  const closed: unknown[] = [];
  for (const [i, socket] of others.entries()) {
    socket.on('message', (data: Buffer) => {
      const frame: { t: string; d?: unknown } = JSON.parse(data.toString());
      if (frame.t === 'msg') got[i]?.push(frame.d);
    });
    socket.on('close', (code) => closed.push(code));
  }
  const joined = (): boolean => hub.thread('t').members.length === others.length;
  while (!joined()) await nextTurn();

  let sent = 0;
  let frames = 0;
  const codes = new Set<number>();
  while (frames < FRAMES) {
    const mallory = new WebSocket(`ws://127.0.0.1:${port}/?user=mallory`);
    mallory.on('error', () => {});
    mallory.on('message', () => {});
    mallory.on('close', (code) => codes.add(code));
    await once(mallory, 'open');
    while (mallory.readyState === WebSocket.OPEN && frames < FRAMES) {
      mallory.send(garbage());
      if (++frames % 20 > 0) continue;
      await hub.thread('t').send(++sent);
      await nextTurn();
    }
    mallory.terminate();
    // and some that are not even WebSocket frames
    const raw = connectTcp(port, '127.0.0.1').on('error', () => {});
    raw.end(bytes(100));
  }
  while (got.some(({ length }) => length < sent)) await nextTurn();
  const all = Array.from({ length: sent }, (_, i) => i + 1);
  expect(got).toEqual(others.map(() => all));
  expect(closed).toEqual([]);
  expect(errors).toEqual([]);
  expect(codes).toContain(4400);
  expect(hub.thread('t').members).toHaveLength(others.length);
});

const nextTurn = (): Promise<void> => new Promise((resolve) => void setTimeout(resolve, 1));
