import { execFile, fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync } from 'node:fs';
import { connect, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { Worker } from 'node:worker_threads';
import { describe, expect, it } from 'vitest';
import { loadAddon } from '../../src/infra/native/addon.ts';
import { DescriptorReserve } from '../../src/infra/native/descriptor-reserve.ts';
import { BareSender, fdOf, pairServer, socketPair, type SocketPair } from './fixtures/bare.ts';

const run = promisify(execFile);
const folder = mkdtempSync(join(tmpdir(), 'threadcast-addon-'));
const BUILD = new URL('../../native/build.js', import.meta.url).pathname;
const EPIPE = -32;
const EAGAIN = -11;

const closeAll = (...pairs: SocketPair[]): void => {
  for (const { socket, client } of pairs) {
    socket.destroy();
    client.destroy();
  }
};

/** Where the bytes of a slot go whose socket has been closed, and whose number another one has now. */
async function readAfterReuse(sender: BareSender): Promise<{ readonly isReused: boolean; readonly read: string }> {
  const server = await pairServer();
  const first = await server.open();
  const slot = sender.native.adopt(first.fd, 0);
  first.socket.destroy();
  await once(first.socket, 'close');
  const next: SocketPair[] = [];
  const isReused = (): boolean => next.some(({ fd, client }) => fd === first.fd || fdOf(client) === first.fd);
  while (!isReused() && next.length < 20) next.push(await server.open());
  const found = isReused();
  sender.post([slot], Buffer.from('not yours'));
  await sender.allLanded();
  await sleep(30);
  // the other end of the connection that has the number now
  const read = next.map((pair) => pair.read()).join('');
  closeAll(first, ...next);
  server.close();
  return { isReused: found, read };
}

describe('descriptors', () => {
  it('a slot means its socket, whatever has its number now', async () => {
    let outcome = await readAfterReuse(new BareSender());
    // a number may have gone to something else in this process
    for (let i = 0; i < 5 && !outcome.isReused; i++) outcome = await readAfterReuse(new BareSender());
    expect(outcome).toEqual({ isReused: true, read: '' });
  });

  it('a build without duplicates would send to a stranger', async () => {
    const out = join(folder, 'no-duplicates.node');
    await run(process.execPath, [BUILD, '--sabotage', 'no-duplicates', '--out', out]);
    let outcome = await readAfterReuse(new BareSender(out));
    for (let i = 0; i < 5 && !outcome.isReused; i++) outcome = await readAfterReuse(new BareSender(out));
    expect(outcome).toEqual({ isReused: true, read: 'not yours' });
  });

  it('a duplicate keeps a connection open, until it is shut or released', async () => {
    const sender = new BareSender();
    for (const end of ['shut', 'release'] as const) {
      const pair = await socketPair();
      const slot = sender.native.adopt(pair.fd, 0);
      pair.socket.destroy();
      await once(pair.socket, 'close');
      await sleep(30);
      expect(pair.seen).toEqual([]);
      sender.native[end](slot);
      await expect.poll(() => pair.seen).toContain('end');
      sender.native.release(slot);
    }
  });

  it('a child process does not get them', async () => {
    const sender = new BareSender();
    const pair = await socketPair();
    const slot = sender.native.adopt(pair.fd, 0);
    const child = spawn('sleep', ['20'], { stdio: 'ignore' });
    await once(child, 'spawn');
    pair.socket.destroy();
    await once(pair.socket, 'close');
    sender.native.release(slot);
    await expect.poll(() => pair.seen).toContain('end');
    child.kill();
  });

  it('leave a reserve for others', async () => {
    const { addon } = loadAddon();
    const limit = addon?.descriptorLimit() ?? 0;
    const pair = await socketPair();
    const { native } = new BareSender();
    expect(native.adopt(pair.fd, limit)).toBe(-24);
    expect(native.adopt(pair.fd, 0)).toBeGreaterThanOrEqual(0);
    closeAll(pair);
  });

  it('are given back when connections come and hardly any are left', () => {
    const open = new Set<number>();
    let next = 0;
    const addon = {
      start: () => 0,
      adopt: () => {
        if (open.size >= 100) return -24;
        open.add(next);
        return next++;
      },
      shut: () => {},
      release: (slot: number) => void open.delete(slot),
      send: () => false,
      drain: () => {},
      stop: () => {},
    };
    const reserve = new DescriptorReserve(addon, 1_000);
    const back: number[] = [];
    const passenger = (id: number, isFlying: boolean) => ({
      slot: id,
      landedShort: () => {},
      writeNow: () => {},
      onLanded: () => {},
      giveBack: () => {
        if (!isFlying) back.push(id);
        return !isFlying;
      },
    });
    for (let id = 0; id < 100; id++) reserve.adopt(id, passenger(id, id < 10));
    expect(reserve.adopt(100, passenger(100, false))).toBe(-24);
    reserve.onAccepted(500);
    expect(reserve.held).toBe(100);
    reserve.onAccepted(990);
    expect(reserve.held).toBe(84);
    expect(open.size).toBe(84);
    expect(back.every((id) => id >= 10)).toBe(true);
    // what was given back is not taken again at once, but when a connection has ended
    expect(reserve.adopt(101, passenger(101, false))).toBe(-1);
    reserve.release(20);
    expect(reserve.adopt(102, passenger(102, false))).toBeGreaterThanOrEqual(0);
  });
});

describe('results', () => {
  it('say what the kernel took: all, a part, nothing', async () => {
    const sender = new BareSender();
    const pair = await socketPair();
    pair.client.pause();
    const slot = sender.native.adopt(pair.fd, 0);
    const big = Buffer.alloc(16_000_000);
    const small = sender.post([slot], Buffer.from('x'));
    const first = sender.post([slot], big);
    await sender.allLanded();
    expect([...small]).toEqual([1, 0]);
    expect(first[0]).toBeGreaterThan(0);
    expect(first[0]).toBeLessThan(big.length);
    expect(first[1]).toBe(1);
    let last = first;
    for (let i = 0; i < 50 && last[0] !== EAGAIN; i++) {
      last = sender.post([slot], big);
      await sender.allLanded();
    }
    expect([...last]).toEqual([EAGAIN, 1]);
    closeAll(pair);
  });

  it('say what the socket reports, without a signal', async () => {
    const sender = new BareSender();
    const pair = await socketPair();
    const slot = sender.native.adopt(pair.fd, 0);
    pair.socket.end();
    await expect.poll(() => pair.seen).toContain('end');
    const results = sender.post([slot], Buffer.from('x'));
    await sender.allLanded();
    expect(results[0]).toBe(EPIPE);
    closeAll(pair);
  });

  it('refuses what is none of its types, a lane that it has not, and more than fits', () => {
    const { native } = new BareSender();
    const [slots, results, bytes] = [new Int32Array(2), new Int32Array(3), new Uint8Array(1)];
    const send = (...args: unknown[]): unknown => Reflect.apply(Reflect.get(native, 'send'), native, args);
    expect(send(0, slots, 3, bytes, results)).toBe(false);
    expect(send(0, slots, 2, bytes, new Int32Array(2))).toBe(false);
    expect(send(1, slots, 2, bytes, results)).toBe(false);
    expect(send(0, [0], 1, bytes, results)).toBe(false);
    expect(send(0, slots, 1, 'x', results)).toBe(false);
    expect(send()).toBe(false);
    const many = new Int32Array(1_000);
    expect(send(0, many, 999, bytes, many)).toBe(false);
    native.release(12_345);
    native.shut(-5);
  });
});

describe('the end', () => {
  it.each(['exit', 'throw'])('%s: what was handed over is sent', async (how) => {
    const child = fork(new URL('fixtures/exit-process.ts', import.meta.url), [how], { stdio: 'ignore' });
    const [address]: AddressInfo[] = await once(child, 'message');
    const port = address?.port ?? 0;
    const texts = Array.from({ length: 100 }, () => '');
    for (const i of texts.keys()) {
      const client = connect(port, '127.0.0.1');
      client.on('error', () => {});
      client.on('data', (data: Buffer) => (texts[i] += data.toString('latin1')));
      client.write(
        'GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n',
      );
    }
    const [code] = await once(child, 'exit');
    expect(code).toBe(how === 'exit' ? 0 : 1);
    await expect.poll(() => texts.every((text) => text.includes('"m0"'))).toBe(true);
  });

  it('workers are terminated with flights in the air', async () => {
    for (let i = 0; i < 2; i++) {
      const workers = Array.from({ length: 3 }, () => new Worker(new URL('fixtures/worker.ts', import.meta.url)));
      await Promise.all(
        workers.map(async (worker) => {
          await once(worker, 'message');
          await worker.terminate();
        }),
      );
    }
    // this process lives
    expect(process.uptime()).toBeGreaterThan(0);
  });
});

describe('without the package', () => {
  const missing = Object.assign(new Error('not found'), { code: 'MODULE_NOT_FOUND' });
  it.each([
    ['it is missing', missing, 'threadcast-native is not installed'],
    ['it does not load', new Error('wrong ELF class'), 'wrong ELF class'],
    ['what is thrown is no error', 'x', 'threadcast-native cannot be loaded'],
  ])('%s', (_, error, reason) => {
    const loaded = loadAddon(() => {
      throw error;
    });
    expect(loaded).toEqual({ addon: undefined, reason });
  });

  it('another package has its name', () => {
    expect(loadAddon(() => ({})).reason).toContain('not one that this version knows');
  });
});
