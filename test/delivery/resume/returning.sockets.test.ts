import { fork } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { Socket } from 'node:net';
import { expect, it, onTestFinished } from 'vitest';
import { createHub } from '../../../src/index.ts';
import { LoopCpu } from '../../support/loop-cpu.ts';
import type { ReturningBooks } from '../../support/returning-clients.ts';

const CLIENTS = 100;
const MISSED = 100;
const ROUNDS = 6;
/** CPU of one turn of the event loop. */
const MOST_MS = 10;

it(`${CLIENTS} clients that come back at the same moment are all served, without holding the event loop`, async () => {
  const hub = createHub();
  const http = createServer();
  const sockets = new Set<Socket>();
  http.on('connection', (socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });
  hub.attach(http, { authorize: () => Promise.resolve(true) });
  http.listen(0, '127.0.0.1');
  await once(http, 'listening');
  const address = http.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  const clients = fork(new URL('../../support/returning-clients.ts', import.meta.url), [
    `ws://127.0.0.1:${address.port}`,
    String(CLIENTS),
  ]);
  const probe = new LoopCpu();
  onTestFinished(async () => {
    probe.stop();
    clients.kill('SIGKILL');
    await hub.close();
    http.close();
  });
  await once(clients, 'message');
  const books = async (): Promise<ReturningBooks> => {
    clients.send('books');
    const [answer]: ReturningBooks[] = await once(clients, 'message');
    if (answer === undefined) throw new Error('the clients have gone');
    return answer;
  };

  /** Of each round: those with small messages only, and those with a big one. */
  const blocks: { small: number[]; big: number[] } = { small: [], big: [] };
  let sent = 0;
  for (let round = 1; round <= ROUNDS; round++) {
    for (const socket of sockets) socket.destroy();
    for (let i = 0; i < MISSED; i++) {
      await hub.thread('t').send({ n: ++sent, text: 'missed while the line was down '.repeat(10) });
    }
    const kind = round % 2 === 0 ? 'big' : 'small';
    if (kind === 'big') {
      sent++;
      await hub.thread('t').send('x'.repeat(500_000));
    }
    probe.reset();
    for (let got = await books(); got.offsets.some(({ length }) => length < sent); got = await books()) {
      await new Promise((resolve) => void setTimeout(resolve, 5));
    }
    blocks[kind].push(probe.longestMs);
  }
  const { offsets, opened } = await books();
  const all = Array.from({ length: sent }, (_, i) => i + 1);
  for (const got of offsets) expect(got).toEqual(all);
  expect(opened).toBe(CLIENTS * (ROUNDS + 1));
  expect(hub.stats()).toMatchObject({ gaps: 0 });
  // each kind of round at its best: what compiles, collects garbage or is the kernel's only adds to what is theirs
  expect(Math.min(...blocks.small)).toBeLessThan(MOST_MS);
  expect(Math.min(...blocks.big)).toBeLessThan(MOST_MS);
}, 60_000);
