/**
 * The reads and writes that a primary with two workers does for each message, and nothing else: `bare.ts <socket> <messages> <rate>`. What a
 * message costs here is what the system takes to wake the processes.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';

/** As long as the record of a message of the benchmark, and as the answer to it. */
const RECORD = Buffer.alloc(330);
const ANSWER = Buffer.alloc(90);

const [, , path = '', count = '0', rate = '1000', role = 'primary'] = process.argv;
const messages = Number(count);

async function work(): Promise<void> {
  const socket = connect(path);
  socket.on('error', () => process.exit());
  socket.resume();
  if (role !== 'sender') return;
  const began = performance.now();
  for (let sent = 0; sent < messages; await delay(1))
    for (; sent < Math.min(messages, ((performance.now() - began) * Number(rate)) / 1_000); sent++)
      socket.write(RECORD);
}

async function serve(): Promise<void> {
  const sockets = new Set<Socket>();
  let bytes = 0;
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.on('data', (data) => {
      bytes += data.length;
      for (const each of sockets) each.write(each === socket ? ANSWER : data);
    });
  });
  server.listen(path);
  await once(server, 'listening');
  const start = (as: string): void => void fork(import.meta.filename, [path, count, rate, as]);
  start('reader');
  while (sockets.size < 1) await delay(10);
  const before = process.cpuUsage();
  start('sender');
  while (bytes < messages * RECORD.length) await delay(50);
  const { user, system } = process.cpuUsage(before);
  process.send?.((user + system) / messages);
  for (const socket of sockets) socket.destroy();
  server.close();
  process.disconnect?.();
}

await (role === 'primary' ? serve() : work());
