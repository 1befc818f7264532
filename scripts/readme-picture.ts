/**
 * Draws docs/stalled-phone.svg, the picture of the README, from a real run on this machine: `npm run docs:picture`.
 * A hub sends to three clients over loopback. One of them, the phone, stops reading for some seconds, and a message of 8 MB is sent meanwhile.
 */
import { fork } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { setTimeout as wait } from 'node:timers/promises';
import { createHub, refuse } from 'threadcast';
import { drawRun, type Run } from './readme-drawing.ts';

const USERS = ['laptop', 'tablet', 'phone'];
const RUN_MS = 12_000;
const STOP_MS = 2_000;
const WAKE_MS = 9_500;
const BIG_MS = 4_000;
const BIG_BYTES = 8_000_000;
const EVERY_MS = 150;

// impatient, so that the phone goes all the way to its eviction in a run of some seconds
const hub = createHub({ sendTimeoutMs: 800, retryDelaysMs: [200, 400, 600], breakerThreshold: 4, cooldownMs: 1_000 });
const server = createServer();
hub.attach(server, {
  authenticate({ url = '/' }) {
    const userId = new URL(url, 'ws://localhost').searchParams.get('user');
    return userId === null ? refuse(401) : { userId };
  },
  authorize: () => true,
});
await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
const address = server.address();
if (address === null || typeof address === 'string') throw new Error('no port');

let begunAt = Date.now();
const now = (): number => Date.now() - begunAt;
const states: { at: number; state: string }[] = [{ at: 0, state: 'open' }];
hub.on('connection', (connection) => {
  if (connection.userId !== 'phone') return;
  if (states.length > 1) states.push({ at: now(), state: 'open' });
  connection.on('state', ({ to }) => states.push({ at: now(), state: to.split('.', 1)[0] ?? to }));
});

const received = new Map<string, { at: number; kind: string }[]>(USERS.map((user) => [user, []]));
const processes = USERS.map((user) => {
  const child = fork(new URL('./readme-client.ts', import.meta.url), [`ws://127.0.0.1:${address.port}/?user=${user}`]);
  child.on('message', (news: { at: number; kind: string }) => {
    received.get(user)?.push({ at: news.at - begunAt, kind: news.kind });
  });
  return child;
});
const phone = processes[USERS.indexOf('phone')];
const chat = hub.thread('chat');
while (chat.members.length < USERS.length) await wait(20);
const rows = Array.from({ length: BIG_BYTES / 100 }, (_, id) => ({ id, name: `row ${id}`, note: 'x'.repeat(62) }));
await wait(500);

begunAt = Date.now();
const later = [
  wait(STOP_MS).then(() => phone?.send('stop')),
  wait(WAKE_MS).then(() => phone?.send('wake')),
  wait(BIG_MS).then(() => chat.send({ kind: 'result', rows })),
  wait(BIG_MS + 10).then(() => chat.send({ kind: 'approval' }, { lane: 'critical' })),
];
let sent = 2;
const sending = setInterval(() => {
  if (now() < RUN_MS - 1_000) void chat.send({ kind: 'message', number: ++sent });
}, EVERY_MS);
await Promise.all(later);
await wait(RUN_MS - now());
clearInterval(sending);

const times = { runMs: RUN_MS, stopMs: STOP_MS, wakeMs: WAKE_MS, bigMs: BIG_MS };
const run: Run = { ...times, bigBytes: BIG_BYTES, sent, received, states };
console.log(run.sent, [...received].map(([user, { length }]) => `${user} ${length}`).join(', '), states);
writeFileSync(new URL('../docs/stalled-phone.svg', import.meta.url), drawRun(run));
for (const child of processes) child.disconnect();
await hub.close();
server.close();
