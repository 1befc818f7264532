import { once } from 'node:events';
import { createServer } from 'node:http';
import { createServer as createHttps } from 'node:https';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect as connectTls } from 'node:tls';
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { createHub, type Hub } from '../../src/index.ts';
import { VirtualClock } from '../../src/testing/index.ts';
import { nativeHub, pingFrame, textFrame, type NativePair } from './fixtures/native-hub.ts';

// the path that these tests are about, whatever the run has chosen
beforeEach(() => void vi.stubEnv('THREADCAST_SENDER', ''));
afterEach(() => void vi.unstubAllEnvs());

const MANY = 20;

/** Frames that bring the numbered messages. */
const MESSAGES = new RegExp('\\x81.("m\\d+")', 'gs');

const messages = (pair: NativePair): string[] => pair.read().match(/"m\d+"/g) ?? [];
const named = (count: number): string[] => Array.from({ length: count }, (_, i) => `"m${i}"`);
const sendAll = (hub: Hub, from: number, to: number): void => {
  for (let i = from; i < to; i++) void hub.thread('t').send(`m${i}`);
};
const flown = (hub: Hub): number => hub.stats().nativeWrites;
/** Fewer have no flight: where a pass takes a break, the rest of its connections may be so few, and they have a duplicate only after a flight. */
const LEAST = 8;
/** Resolves when nothing is in the air. */
const landed = async (pairs: readonly NativePair[], count: number): Promise<void> => {
  await expect.poll(() => pairs.every((pair) => messages(pair).length >= count)).toBe(true);
};

describe('which path', () => {
  it('says that it is the native one, and why', () => {
    const hub = createHub();
    onTestFinished(() => hub.close());
    expect(hub.stats()).toMatchObject({ sender: 'native', senderReason: 'threadcast-native is installed' });
  });

  it('is inline where the hub or the environment says so', () => {
    const off = createHub({ nativeSender: false });
    expect(off.stats()).toMatchObject({ sender: 'inline', senderReason: 'nativeSender is false' });
    vi.stubEnv('THREADCAST_SENDER', 'inline');
    const debugged = createHub();
    expect(debugged.stats()).toMatchObject({ sender: 'inline', senderReason: 'THREADCAST_SENDER is inline' });
    return Promise.all([off.close(), debugged.close()]);
  });

  it.each([
    [{ threads: 0 }, 'nativeSender.threads'],
    [{ threads: 3 }, 'nativeSender.threads'],
    [{ thread: 1 }, 'nativeSender.thread'],
    [7, 'nativeSender'],
    [null, 'nativeSender'],
  ])('refuses %o', (nativeSender, option) => {
    const options: object = { nativeSender };
    expect(() => createHub(options)).toThrow(expect.objectContaining({ code: 'TC_INVALID_OPTION', option }));
  });

  it('is the event loop for fewer than eight', async () => {
    const { hub, pairs } = await nativeHub(7);
    const before = flown(hub);
    sendAll(hub, 0, 5);
    await landed(pairs, 5);
    expect(flown(hub)).toBe(before);
    expect(hub.stats().nativeConnections).toBe(0);
  });

  it('is the event loop for TLS', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'threadcast-tls-'));
    const [key, cert] = [join(folder, 'key'), join(folder, 'cert')];
    const how = [
      'req',
      '-x509',
      '-newkey',
      'rsa:2048',
      '-nodes',
      '-keyout',
      key,
      '-out',
      cert,
      '-subj',
      '/CN=localhost',
    ];
    execFileSync('openssl', how, { stdio: 'ignore' });
    const hub = createHub();
    const https = createHttps({ key: readFileSync(key), cert: readFileSync(cert) });
    hub.attach(https, { authenticate: () => ({ format: 'plain' as const }) });
    hub.on('connection', (connection) => void connection.join('t'));
    https.listen(0, '127.0.0.1');
    await once(https, 'listening');
    const address = https.address();
    if (address === null || typeof address === 'string') throw new Error('no port');
    onTestFinished(async () => {
      await hub.close();
      https.closeAllConnections();
      https.close();
    });
    let text = '';
    const clients = Array.from({ length: 10 }, () => {
      const client = connectTls({ port: address.port, host: '127.0.0.1', rejectUnauthorized: false });
      client.on('error', () => {});
      client.on('data', (chunk: Buffer) => (text += chunk.toString('latin1')));
      client.write(
        'GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n',
      );
      return client;
    });
    await expect.poll(() => hub.thread('t').members.length).toBe(10);
    const before = flown(hub);
    await hub.thread('t').send('secret');
    await expect.poll(() => text.match(/"secret"/g)?.length).toBe(10);
    expect(flown(hub)).toBe(before);
    for (const client of clients) client.destroy();
  });
});

describe('flights', () => {
  it('bring everything, once and in order, one write for what comes while they are in the air', async () => {
    const { hub, pairs, errors } = await nativeHub(MANY);
    const before = flown(hub);
    for (let i = 0; i < 200; i += 2) {
      sendAll(hub, i, i + 2);
      await sleep(i % 20 === 0 ? 2 : 0);
    }
    await landed(pairs, 200);
    for (const pair of pairs) expect(messages(pair)).toEqual(named(200));
    expect(flown(hub)).toBeGreaterThan(before + MANY);
    expect(hub.stats().nativeConnections).toBeGreaterThanOrEqual(LEAST);
    expect(errors).toEqual([]);
  });

  it('give receipts, deliveries and bytes as before', async () => {
    const { hub, pairs } = await nativeHub(MANY);
    const receipt = await hub.thread('t').send('m0');
    expect(receipt).toMatchObject({ recipients: MANY, written: MANY, behind: 0, dropped: 0 });
    await landed(pairs, 1);
    expect(hub.stats().deliveries).toBe(MANY);
    const [one] = pairs;
    expect(one?.connection.stats).toMatchObject({
      messages: 1,
      bytes: textFrame('"m0"').length,
      unsentBytes: 0,
      behind: 0,
    });
  });

  it('take volatile messages, which another thread does not cost them', async () => {
    const { hub, pairs } = await nativeHub(MANY);
    await Promise.all(pairs.map(({ connection }) => connection.join('u')));
    const before = flown(hub);
    for (let i = 0; i < 50; i++) {
      sendAll(hub, i, i + 1);
      void hub.thread('u').send(`m${1_000 + i}`, { lane: 'volatile' });
      await hub.thread('u').ready();
      await sleep(0);
    }
    await landed(pairs, 100);
    expect(hub.stats().volatileDropped).toBe(0);
    expect(flown(hub)).toBeGreaterThan(before);
  });

  it('take text of streams', async () => {
    const { hub, pairs } = await nativeHub(MANY, { streams: { windowMs: 1 } }, createServer, 'json');
    const stream = hub.thread('t').stream();
    const before = flown(hub);
    for (let i = 0; i < 20; i++) {
      stream.append(`word${i} `);
      await sleep(3);
    }
    await expect.poll(() => pairs.every((pair) => pair.read().includes('word19'))).toBe(true);
    expect(flown(hub)).toBeGreaterThan(before + 5 * MANY);
    await stream.end();
  });

  it('take pings, whose number connections share', async () => {
    // the round of pings comes when the test says so: a ping does not fly while its connection has the message in the air
    const clock = new VirtualClock();
    let stepMs = 0;
    const turns = setInterval(() => void clock.advance(stepMs), 1);
    onTestFinished(() => clearInterval(turns));
    const { hub, pairs } = await nativeHub(MANY, { clock, sendTimeoutMs: 400, sweepMs: 50 });
    // the hub closes by its clock
    onTestFinished(() => void (stepMs = 100));
    const before = flown(hub);
    sendAll(hub, 0, 1);
    await landed(pairs, 1);
    // the pong of one waits for the landing of all
    const [one] = pairs;
    one?.client.write(pingFrame('x'));
    await expect.poll(() => one?.read().includes('\x8a\x01x')).toBe(true);
    const messages = flown(hub) - before;
    await clock.advance(50);
    await expect.poll(() => pairs.every((pair) => pair.read().includes('\x89\x01'))).toBe(true);
    expect(new Set(pairs.map((pair) => pair.read()[pair.read().indexOf('\x89\x01') + 2])).size).toBe(1);
    // the one whose pong may not have left is written to by itself
    expect(flown(hub) - before - messages).toBeGreaterThanOrEqual(MANY - 1);
  });

  it('are shared by several hubs of a realm, and go on when one has closed', async () => {
    const one = await nativeHub(MANY);
    const two = await nativeHub(MANY, { nativeSender: { threads: 2 } });
    for (let i = 0; i < 20; i++) {
      sendAll(one.hub, i, i + 1);
      sendAll(two.hub, i, i + 1);
      await sleep(0);
    }
    await landed([...one.pairs, ...two.pairs], 20);
    await one.hub.close();
    sendAll(two.hub, 20, 25);
    await landed(two.pairs, 25);
    for (const pair of two.pairs) expect(messages(pair)).toEqual(named(25));
    // those of the closed one are given back
    await expect.poll(() => two.hub.stats().nativeConnections).toBeLessThanOrEqual(MANY);
    expect(two.hub.stats().nativeConnections).toBeGreaterThanOrEqual(LEAST);
  });

  it('do not wait for a hub that has closed: the next one begins anew', async () => {
    for (let round = 0; round < 3; round++) {
      const { hub, pairs } = await nativeHub(MANY);
      sendAll(hub, 0, 10);
      if (round % 2 === 0) await landed(pairs, 10);
      await hub.close();
      expect(hub.stats().nativeConnections).toBe(0);
    }
  });
});

describe('the socket belongs to others, too', () => {
  /** Puts a flight of big frames into the air, to clients that do not read: some of it does not go. */
  const fill = async (hub: Hub, pairs: readonly NativePair[]): Promise<void> => {
    for (const { client } of pairs) client.pause();
    for (let i = 0; i < 300; i++) {
      void hub.thread('t').send({ pad: 'x'.repeat(60_000) });
      await hub.thread('t').ready();
      if (pairs.every(({ connection }) => connection.stats.unsentBytes > 0)) return;
      await sleep(1);
    }
  };

  it('pongs come between whole frames', async () => {
    const { hub, pairs } = await nativeHub(MANY);
    for (let i = 0; i < 100; i++) {
      for (const { client } of pairs) client.write(pingFrame(`p${i}`));
      sendAll(hub, i, i + 1);
      await sleep(i % 10 === 0 ? 3 : 0);
    }
    await landed(pairs, 100);
    for (const pair of pairs) {
      const frames = pair.read().split('\r\n\r\n')[1] ?? '';
      const rest = frames.replaceAll(MESSAGES, '').replaceAll(/\x8a.p\d+|\x89.\d+/gs, '');
      expect(rest).toBe('');
    }
  });

  it('an eviction in flight: the close frame comes after the message', async () => {
    const { hub, pairs } = await nativeHub(MANY);
    // the receipt comes with the end of the pass, which is before the landing
    await hub.thread('t').send('m0');
    for (const { connection } of pairs) connection.close(4_000, 'bye');
    await expect.poll(() => pairs.every((pair) => pair.read().endsWith('\x0f\xa0bye'))).toBe(true);
    for (const pair of pairs) expect(pair.read()).toContain(textFrame('"m0"'));
  });

  it('destroy in flight: the peer learns of it, and the others get everything', async () => {
    const { hub, pairs } = await nativeHub(MANY);
    const [first, second, ...others] = pairs;
    sendAll(hub, 0, 1);
    await landed(pairs, 1);
    sendAll(hub, 1, 50);
    await Promise.resolve();
    first?.socket.destroy();
    second?.socket.resetAndDestroy();
    sendAll(hub, 50, 60);
    const ended = (pair: NativePair | undefined): boolean =>
      pair?.client.readableEnded === true || pair?.client.destroyed === true;
    await expect.poll(() => ended(first) && ended(second)).toBe(true);
    await landed(others, 60);
    for (const pair of others) expect(messages(pair)).toEqual(named(60));
    await expect.poll(() => hub.stats().nativeConnections).toBeLessThanOrEqual(MANY - 2);
  });

  it('a client that half-closes or resets costs the others nothing', async () => {
    const { hub, pairs, errors } = await nativeHub(MANY);
    sendAll(hub, 0, 1);
    await landed(pairs, 1);
    pairs[0]?.client.end();
    pairs[1]?.client.resetAndDestroy();
    for (let i = 1; i < 60; i++) {
      sendAll(hub, i, i + 1);
      await sleep(0);
    }
    const others = pairs.slice(2);
    await landed(others, 60);
    for (const pair of others) expect(messages(pair)).toEqual(named(60));
    await expect.poll(() => hub.stats().connections.total).toBe(MANY - 2);
    expect(errors).toEqual([]);
  });

  it('what the kernel does not take waits in the socket, and comes whole', async () => {
    const { hub, pairs } = await nativeHub(10, { sendTimeoutMs: 60_000 });
    await fill(hub, pairs);
    expect(pairs.every(({ connection }) => connection.stats.unsentBytes > 0)).toBe(true);
    sendAll(hub, 0, 3);
    for (const { client } of pairs) client.resume();
    await landed(pairs, 3);
    const count = hub.stats().messagesPublished - 3;
    const big = JSON.stringify({ pad: 'x'.repeat(60_000) });
    for (const pair of pairs) expect(pair.read().split(big).length - 1).toBe(count);
  });

  it('a client that takes nothing is found and ended as before', async () => {
    const policy = { sendTimeoutMs: 300, retryDelaysMs: [100], sweepMs: 50, cooldownMs: 200, breakerThreshold: 1 };
    const { hub, pairs } = await nativeHub(10, policy);
    const states: string[] = [];
    pairs[0]?.connection.on('state', ({ to }) => states.push(to));
    pairs[0]?.client.pause();
    for (let i = 0; !states.includes('evicted') && i < 3_000; i++) {
      void hub.thread('t').send({ pad: 'x'.repeat(60_000) });
      await hub.thread('t').ready();
      await sleep(2);
    }
    expect(states).toEqual(['tripped.coolingDown', 'tripped.probing', 'evicted']);
  });

  it('bytes that an application gathers with cork keep their place', async () => {
    const { hub, pairs } = await nativeHub(MANY);
    sendAll(hub, 0, 1);
    await landed(pairs, 1);
    for (let i = 1; i < 40; i++) {
      const corked = pairs[i % MANY]?.socket;
      corked?.cork();
      corked?.write(Buffer.from(textFrame(`"foreign${i}"`), 'latin1'));
      sendAll(hub, i, i + 1);
      await sleep(1);
      corked?.uncork();
    }
    await landed(pairs, 40);
    for (const pair of pairs) {
      expect(messages(pair)).toEqual(named(40));
      const frames = pair.read().split('\r\n\r\n')[1] ?? '';
      expect(frames.replaceAll(/\x81.("m\d+"|"foreign\d+")|\x89.\d+/gs, '')).toBe('');
    }
  });
});
