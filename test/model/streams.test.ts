import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { connect, type Client, type ClientStream, type Message } from '../../src/client/index.ts';
import { createHub, memoryLog, type Hub, type TokenStream } from '../../src/index.ts';
import { VirtualClock } from '../../src/testing/index.ts';
import { bridgeTo, type Bridge } from './bridge.ts';
import { trials } from '../support/tier.ts';

const STREAMS = 3;
const HIGH_WATER_MARK = 256 * 1024;

type Step =
  | { readonly do: 'append'; readonly n: number; readonly text: string }
  | { readonly do: 'end' | 'send' | 'deliver' | 'wait' | 'take'; readonly n: number; readonly text: string }
  | { readonly do: 'join' | 'leave' | 'cut' | 'stall' | 'resume'; readonly n: number; readonly text: string };

const kinds = ['append', 'append', 'append', 'append', 'deliver', 'deliver', 'wait', 'wait', 'send', 'end'] as const;
const troubles = ['join', 'leave', 'cut', 'cut', 'stall', 'stall', 'resume', 'take'] as const;

const steps = fc.array(
  fc.record({
    do: fc.constantFrom(...kinds, ...troubles),
    n: fc.nat({ max: 60 }),
    // pieces as a careless publisher makes them: also halves of surrogate pairs
    text: fc.oneof(
      fc.string({ unit: 'grapheme', maxLength: 12 }),
      fc.string({ unit: fc.constantFrom('\uD83D', '\uDE80', 'a'), maxLength: 3 }),
      fc.nat({ max: 300_000 }).map((length) => 'x'.repeat(length)),
    ),
  }),
  { minLength: 10, maxLength: 120 },
);

/** How often what is to be tested has happened. */
interface Seen {
  frames: number;
  resumes: number;
  catchUps: number;
  stalls: number;
}

/** One client, and what it has seen. */
class Reader {
  readonly client: Client;
  readonly messages: Message[] = [];
  readonly streams: ClientStream[] = [];
  readonly sockets: Bridge[] = [];
  gaps = 0;

  constructor(hub: Hub, clock: VirtualClock) {
    const WebSocket = bridgeTo((socket) => {
      this.sockets.push(socket);
      clock.setTimeout(() => socket.open(hub), 1);
    });
    this.client = connect('ws://hub.test', { WebSocket, clock, random: () => 0, backoff: { minMs: 5, maxMs: 10 } });
    const thread = this.client.join('t', { from: 'start' });
    thread.on('message', (message) => this.messages.push(message));
    thread.on('stream', (stream) => this.streams.push(stream));
    thread.on('gap', () => this.gaps++);
  }

  get socket(): Bridge {
    const socket = this.sockets.at(-1);
    if (socket === undefined) throw new Error('no socket yet');
    return socket;
  }

  /** No connection has been given a unit of text twice, one that its client had, or one of a position that does not follow. */
  assertFrugal(seen: Seen): void {
    for (const { link, sent } of this.sockets) {
      const join: { s?: Record<string, number> } = JSON.parse(sent[0] ?? '{}');
      const ends = new Map<unknown, number>(Object.entries(join.s ?? {}));
      if (ends.size > 0) seen.resumes++;
      for (const text of link.received) {
        const frame: Record<string, unknown> = JSON.parse(text);
        const { streams } = frame;
        if (Array.isArray(streams)) for (const id of streams) ends.set(id, ends.get(id) ?? 0);
        if (frame['t'] !== 'tok') continue;
        const { s, at, d } = frame;
        if (typeof at !== 'number' || typeof d !== 'string') throw new Error(`no text: ${text.slice(0, 100)}`);
        expect(at).toBe(ends.get(s) ?? 0);
        seen.frames++;
        if (at > 0 && d.length > 60_000) seen.catchUps++;
        // the announcement of a stream that the client has not heard of
        if (d === '') expect([at, ends.has(s)]).toEqual([0, false]);
        ends.set(s, at + d.length);
      }
    }
  }
}

/** A hub whose publishers, clients and lines do what the steps say. */
class World {
  readonly clock = new VirtualClock();
  readonly hub = createHub({
    clock: this.clock,
    streams: { timeoutMs: 1e9, maxLength: 1e9 },
    highWaterMarkBytes: HIGH_WATER_MARK,
    sendTimeoutMs: 200,
    retryDelaysMs: [100],
    breakerThreshold: 2,
    cooldownMs: 1_000,
    log: memoryLog({ clock: this.clock, maxBytes: 1e9 }),
  });
  readonly errors: unknown[] = [];
  readers = [this.#reader(), this.#reader()];
  /** What was appended, by stream. */
  readonly texts = new Map<string, string>();
  readonly #streams: (TokenStream | undefined)[] = [];
  readonly #sends: Promise<unknown>[] = [];
  #count = 0;

  constructor() {
    this.hub.on('error', (error) => this.errors.push(error));
  }

  #reader(): Reader {
    return new Reader(this.hub, this.clock);
  }

  async run(step: Step): Promise<void> {
    const { n, text } = step;
    const reader = this.readers[n % this.readers.length];
    switch (step.do) {
      case 'append':
        this.#append(n % STREAMS, text);
        break;
      case 'end':
        this.#end(n % STREAMS);
        break;
      case 'send':
        this.#sends.push(this.hub.thread('t').send(text, n % 5 === 0 ? { lane: 'critical' } : {}));
        break;
      case 'wait':
        // a few of them long enough for a stall to be found, and for an eviction
        await this.clock.advance(n < 45 ? n : n * 20);
        break;
      case 'join':
        if (this.readers.length < 5) this.readers.push(this.#reader());
        break;
      case 'leave':
        if (this.readers.length > 1) {
          reader?.client.close();
          this.readers = this.readers.filter((other) => other !== reader);
        }
        break;
      case 'deliver':
        reader?.socket.deliver(n);
        break;
      case 'cut':
        reader?.socket.cut();
        // most of the time it is back before anything else happens
        if (n % 3 !== 0) await this.clock.advance(10);
        break;
      case 'stall':
        reader?.socket.link.stall();
        break;
      case 'take':
        reader?.socket.link.take(n * 1_000);
        break;
      case 'resume':
        reader?.socket.link.resume();
        break;
    }
    if (n % 2 === 0) await this.clock.settle();
    this.#assertPrefixes();
  }

  #append(index: number, text: string): void {
    const stream = (this.#streams[index] ??= this.hub.thread('t').stream({ id: `s${++this.#count}` }));
    stream.append(text);
    this.texts.set(stream.id, (this.texts.get(stream.id) ?? '') + text);
  }

  #end(index: number): void {
    const stream = this.#streams[index];
    if (stream === undefined) return;
    this.#streams[index] = undefined;
    this.#sends.push(index === 0 ? stream.abort('stopped') : stream.end());
  }

  #assertPrefixes(): void {
    for (const { streams } of this.readers) {
      for (const { id, text } of streams) expect(this.texts.get(id)?.startsWith(text)).toBe(true);
    }
    for (const { sockets } of this.readers) {
      // the high-water mark, and what may pass it: one frame of text, or one message
      for (const { link } of sockets) expect(link.unsentBytes).toBeLessThan(HIGH_WATER_MARK + 310_000);
    }
  }

  /** Lets everything arrive, then checks what everybody has: first of the streams that are under way, then of all. */
  async settle(seen: Seen): Promise<void> {
    await this.#arrive();
    const open = this.#streams.flatMap((stream) => stream?.id ?? []);
    for (const { streams } of this.readers) {
      for (const id of open) {
        const told = (this.texts.get(id) ?? '').replace(/[\uD800-\uDBFF]$/, '');
        expect(streams.find((stream) => stream.id === id)?.text ?? '').toBe(told);
      }
    }
    for (let i = 0; i < STREAMS; i++) this.#end(i);
    await this.#arrive();
    await Promise.all(this.#sends);
    const history = (await this.hub.thread('t').history({ limit: 1_000 })).messages;
    for (const reader of this.readers) {
      expect(reader.gaps).toBe(0);
      reader.assertFrugal(seen);
      const byOffset = [...reader.messages].sort((a, b) => (a.offset ?? 0) - (b.offset ?? 0));
      expect(byOffset.map(({ id, data }) => [id, data])).toEqual(history.map(({ id, data }) => [id, data]));
      expect(new Set(reader.streams.map(({ id }) => id)).size).toBe(reader.streams.length);
      for (const { id, text, done } of reader.streams) {
        expect(text).toBe(this.texts.get(id));
        expect((await done)?.id).toBe(id);
        let read = '';
        for await (const piece of reader.streams.find((stream) => stream.id === id) ?? []) read += piece;
        expect(read).toBe(text);
      }
    }
    const { streams, sendTimeouts } = this.hub.stats();
    expect(streams).toBe(0);
    if (sendTimeouts > 0) seen.stalls++;
    expect(this.errors).toEqual([]);
  }

  async #arrive(): Promise<void> {
    for (let i = 0; i < 8; i++) {
      await this.clock.advance(i < 4 ? 50 : 2_000);
      for (const { socket } of this.readers) {
        socket.link.resume();
        socket.deliver(Infinity);
      }
    }
    await this.clock.advance(100);
    for (const { socket } of this.readers) socket.deliver(Infinity);
  }

  async close(): Promise<void> {
    for (const { client } of this.readers) client.close();
    const closed = this.hub.close();
    // the end of a line that takes nothing is waited for
    await this.clock.advance(60_000);
    await closed;
  }
}

test('whatever happens to lines and clients, everybody has the text that was appended, once', async () => {
  const runs = trials(150);
  const seen: Seen = { frames: 0, resumes: 0, catchUps: 0, stalls: 0 };
  await fc.assert(
    fc.asyncProperty(steps, async (steps) => {
      const world = new World();
      try {
        for (const step of steps) await world.run(step);
        await world.settle(seen);
      } finally {
        await world.close();
      }
    }),
    runs,
  );
  expect(Math.min(...Object.values(seen))).toBeGreaterThan(runs.numRuns / 50);
}, 1_800_000);
