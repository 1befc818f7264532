// Many clients that keep books without parsing what they get, so that they are cheaper than the server that they measure.
import { WebSocket } from 'ws';
import { machineNow } from './machine-now.ts';

/** What the clients of a crowd got. */
export interface CrowdBooks {
  /** Messages of each client. */
  readonly counts: readonly number[];
  /** Messages that were not the next one. */
  readonly outOfOrder: number;
  /** Milliseconds from the message's `at` to its arrival, all clients together, ascending. */
  readonly latencies: readonly number[];
}

const [url = '', clients = '0', slow = '0'] = process.argv.slice(2);
const slowBytesPerSecond = Number(slow);
const counts: number[] = [];
const offsets: number[] = [];
let outOfOrder = 0;
let latencies: number[] = [];

const joined = Array.from({ length: Number(clients) }, (_, i) => join(i));
await Promise.all(joined);
process.send?.('joined');
process.on('message', (question) => {
  // after what it reads in this turn
  if (question === 'turn') return void setImmediate(() => process.send?.('turned'));
  const books: CrowdBooks = { counts: [...counts], outOfOrder, latencies: latencies.toSorted((a, b) => a - b) };
  latencies = [];
  counts.fill(0);
  return process.send?.(books);
});

function join(i: number): Promise<void> {
  const socket = new WebSocket(url, { maxPayload: 0 });
  counts[i] = 0;
  socket.on('error', () => {});
  socket.on('open', () => socket.send('{"t":"join","th":"t"}'));
  return new Promise((resolve) => {
    socket.on('message', (data: Buffer) => {
      const head = data.toString('latin1', 0, 200);
      if (head.startsWith('{"t":"joined"')) resolve();
      if (head.startsWith('{"t":"msg"')) take(i, head);
      if (slowBytesPerSecond > 0) pauseFor(socket, (1_000 * data.length) / slowBytesPerSecond);
    });
  });
}

function take(i: number, head: string): void {
  const now = machineNow();
  const offset = Number(/"o":(\d+)/.exec(head)?.[1]);
  const at = Number(/"at":([\d.]+)/.exec(head)?.[1]);
  const expected = offsets[i] === undefined ? offset : offsets[i] + 1;
  if (offset !== expected) outOfOrder++;
  offsets[i] = offset;
  counts[i] = (counts[i] ?? 0) + 1;
  if (Number.isFinite(at)) latencies.push(now - at);
}

function pauseFor(socket: WebSocket, ms: number): void {
  socket.pause();
  setTimeout(() => socket.resume(), ms);
}
