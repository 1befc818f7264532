// The server under measurement, a process of its own: a hub with real sockets, traffic where it is ordered, and the inspector.
import { once } from 'node:events';
import { createServer } from 'node:http';
import { createHub } from 'threadcast';
import { inspector, type InspectorServer } from 'threadcast/inspector';
import type { Order, Measured } from './orders.ts';

/** The loop is probed this often, and what comes later than this was held up. */
const PROBE_MS = 1;
const LATE_MS = 1.5;

/** Long enough for the kernel to let the thread sleep. */
const NAP_MS = 0.01;

const hub = createHub();
const http = createServer();
// thousands come at the same time
hub.attach(http, { authorize: () => true, maxPendingHandshakes: 100_000, authenticateTimeoutMs: 60_000 });
http.listen({ port: 0, host: '127.0.0.1', backlog: 4_096 });
await once(http, 'listening');
const address = http.address();

let watched: InspectorServer | undefined;
let traffic: NodeJS.Timeout | undefined;
let begun = { cpu: process.cpuUsage(), at: performance.now() };
let longestMs = 0;
let lastAt = performance.now();
let lastCpu = process.threadCpuUsage();
const nap = new Int32Array(new SharedArrayBuffer(4));

// CPU of this thread between two ticks and not time: what other processes take from this machine is no block of ours. The kernel adds
// it up when a thread sleeps, and else only at its own ticks, 4 ms apart: without the nap, two milliseconds may read as six
setInterval(() => {
  const ms = performance.now() - lastAt;
  if (ms > LATE_MS) Atomics.wait(nap, 0, 0, NAP_MS);
  longestMs = Math.max(longestMs, Math.min(ms, millisecondsOf(process.threadCpuUsage(lastCpu))));
  lastCpu = process.threadCpuUsage();
  lastAt = performance.now();
}, PROBE_MS);

process.on('message', (order: Order) => void obey(order).then((answer) => process.send?.(answer)));
process.on('disconnect', () => process.exit());
process.send?.({ url: `ws://127.0.0.1:${typeof address === 'object' ? address?.port : 0}/` });

async function obey({ order, messagesPerSecond = 0 }: Order): Promise<object> {
  if (order === 'end') return measured();
  if (order === 'open') {
    watched = await inspector(hub);
    return { url: watched.url };
  }
  if (order === 'close') await watched?.close();
  if (order === 'talk') talk(messagesPerSecond);
  if (order === 'begin') {
    begun = { cpu: process.cpuUsage(), at: performance.now() };
    longestMs = 0;
  }
  return {};
}

function talk(messagesPerSecond: number): void {
  clearInterval(traffic);
  if (messagesPerSecond === 0) return;
  const send = (): void => void hub.thread('t').send({ text: 'a message of a chat' });
  traffic = setInterval(send, 1_000 / messagesPerSecond);
}

function measured(): Measured {
  const seconds = (performance.now() - begun.at) / 1_000;
  const cpuMs = millisecondsOf(process.cpuUsage(begun.cpu));
  return { cpuShare: cpuMs / 1_000 / seconds, longestBlockMs: longestMs, connections: hub.stats().connections.total };
}

function millisecondsOf({ user, system }: NodeJS.CpuUsage): number {
  return (user + system) / 1_000;
}
