import { fork } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { Socket } from 'node:net';
import { expect, it, onTestFinished } from 'vitest';
import { createHub } from '../../../src/index.ts';
import type { ReturningBooks } from '../../support/returning-clients.ts';

const CLIENTS = 100;
const MISSED = 100;
const ROUNDS = 4;

// that they are served in slices: test/delivery/returning.test.ts, on virtual time
it(`${CLIENTS} clients that come back at the same moment all get what they missed, once and in order`, async () => {
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
  onTestFinished(async () => {
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

  let sent = 0;
  for (let round = 1; round <= ROUNDS; round++) {
    for (const socket of sockets) socket.destroy();
    for (let i = 0; i < MISSED; i++) {
      await hub.thread('t').send({ n: ++sent, text: 'missed while the line was down '.repeat(10) });
    }
    if (round % 2 === 0) {
      sent++;
      await hub.thread('t').send('x'.repeat(500_000));
    }
    for (let got = await books(); got.offsets.some(({ length }) => length < sent); got = await books()) {
      await new Promise((resolve) => void setTimeout(resolve, 5));
    }
  }
  const { offsets, opened } = await books();
  const all = Array.from({ length: sent }, (_, i) => i + 1);
  for (const got of offsets) expect(got).toEqual(all);
  expect(opened).toBe(CLIENTS * (ROUNDS + 1));
  expect(hub.stats()).toMatchObject({ gaps: 0 });
});
