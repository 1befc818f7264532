import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { Socket } from 'node:net';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { createHub, inWorker, type Clock, type Hub, type Settlement } from '../../src/index.ts';
import { systemClock } from '../../src/infra/time/clock.ts';
import { WsClient } from '../support/ws-server.ts';
import type { TimerHandle } from '../../src/api/clock.ts';

/** Handles and requests of the event loop, and listeners on the process, by kind. Timers are counted by a clock of their own. */
function census(): Map<string, number> {
  const counts = new Map<string, number>();
  for (const kind of process.getActiveResourcesInfo()) {
    // the test runner's come and go
    if (kind !== 'Timeout' && kind !== 'Immediate') counts.set(kind, (counts.get(kind) ?? 0) + 1);
  }
  for (const name of process.eventNames()) counts.set(`listener of ${String(name)}`, process.listenerCount(name));
  return counts;
}

/** What there is more of than before. */
function excess(before: ReadonlyMap<string, number>): [string, number][] {
  return [...census()].filter(([kind, count]) => count > (before.get(kind) ?? 0));
}

/** The system's clock, with its timers counted. */
class CountingClock implements Clock {
  readonly pending = new Set<TimerHandle>();
  readonly now = (): number => systemClock.now();
  readonly nextTurn = (callback: () => void): void => systemClock.nextTurn(callback);

  setTimeout(callback: () => void, delayMs: number): TimerHandle {
    const handle = systemClock.setTimeout(() => {
      this.pending.delete(handle);
      callback();
    }, delayMs);
    this.pending.add(handle);
    return handle;
  }

  clearTimeout(handle: TimerHandle): void {
    this.pending.delete(handle);
    systemClock.clearTimeout(handle);
  }
}

/** Handles close in the turns after the call. */
async function settled(isDone: () => boolean): Promise<void> {
  const deadline = performance.now() + 60_000;
  while (!isDone() && performance.now() < deadline) {
    await new Promise((resolve) => {
      setImmediate(resolve);
    });
  }
}

/** A function of its own, so that the receipt, which knows who was behind, is not kept by the test. */
async function send(hub: Hub, message: unknown): Promise<{ settlement: Promise<Settlement> }> {
  const receipt = await hub.thread('t').send(message);
  return { settlement: receipt.settled() };
}

it('gives back everything when it closes in the middle of its work', async () => {
  if (globalThis.gc === undefined) throw new Error('run with --expose-gc (see vitest.config.ts)');
  const before = census();
  const http = createServer();
  const sockets: Socket[] = [];
  http.on('connection', (socket) => sockets.push(socket));
  const clock = new CountingClock();
  const hub = createHub({
    clock,
    sendTimeoutMs: 200,
    sweepMs: 20,
    heartbeatMs: 100,
    retryDelaysMs: [50],
    cooldownMs: 10_000,
    serializer: { timeoutMs: 60_000 },
  });
  const detach = hub.attach(http, { compress: true, authorize: () => true });
  http.listen(0, '127.0.0.1');
  await once(http, 'listening');
  const address = http.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  const clients = Array.from({ length: 20 }, () => new WsClient(`ws://127.0.0.1:${address.port}/`, 't'));
  await Promise.all(clients.map((client) => client.until(({ isJoined }) => isJoined)));
  const recipe = 'export default () => "built"';
  await hub.thread('t').send(inWorker(new URL(`data:text/javascript,${encodeURIComponent(recipe)}`)));
  const states = new Set<string>();
  hub.on('transition', ({ machine, to }) => machine === 'connection' && states.add(to));
  // one that retries, one in the middle of a message, a stream that has not ended, receipts that wait, messages under way
  clients[0]?.socket.pause();
  const { settlement } = await send(
    hub,
    Array.from({ length: 300_000 }, (_, i) => `row ${i} ${Math.random()}`),
  );
  await settled(() => states.has('retrying.backingOff'));
  hub.thread('t').stream().append('and so on');
  const sending = hub.thread('t').send(Array.from({ length: 300_000 }, (_, i) => `row ${i}`));
  sending.catch(() => {});
  const connections = [...hub.connections].map((connection) => new WeakRef(connection));
  expect(connections).toHaveLength(20);

  await hub.close();
  const { evicted, behind, written, acked } = await settlement;
  expect(evicted + behind + written + acked).toBe(20);
  expect(hub.stats()).toMatchObject({ connections: { total: 0 }, threads: 0, serializing: 0, segmentsInUse: 0 });
  detach();
  expect(http.listenerCount('upgrade')).toBe(0);
  for (const client of clients) client.socket.terminate();
  const isReleased = (socket: Socket): boolean => socket.destroyed && socket.listenerCount('drain') === 0;
  await settled(() => sockets.every(isReleased));
  expect(sockets.filter((socket) => !isReleased(socket))).toEqual([]);
  sockets.length = 0;
  http.close();
  await once(http, 'close');
  await settled(() => excess(before).length === 0);
  expect(excess(before)).toEqual([]);
  expect(clock.pending.size).toBe(0);
  await settled(() => {
    globalThis.gc?.();
    return connections.every((connection) => connection.deref() === undefined);
  });
  expect(connections.filter((connection) => connection.deref() !== undefined)).toEqual([]);
});

it('a server that has closed ends its process, also where its hub was forgotten', async () => {
  const script = new URL('./fixtures/server-that-closes.ts', import.meta.url).pathname;
  const { stdout } = await promisify(execFile)(process.execPath, [script], { timeout: 500_000 });
  expect(stdout).toBe('hello');
});
