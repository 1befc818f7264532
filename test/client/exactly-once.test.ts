import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Gap, Message } from '../../src/client/index.ts';
import { fakeNetwork, joined, type FakeSocket } from './fake-network.ts';
import { trials } from '../support/tier.ts';

interface LogEntry {
  readonly offset: number;
  readonly id: string;
  readonly isCritical: boolean;
}

/** The server's side of the protocol in a few lines: one log, and one cursor for each join. */
class ModelServer {
  readonly log: LogEntry[] = [];
  first = 1;
  #socket: FakeSocket | undefined;
  #cursor: number | undefined;
  #ahead = new Set<number>();
  #delivered: object[] = [];

  connect(socket: FakeSocket): void {
    this.#socket = socket;
    this.#cursor = undefined;
    socket.onSend = (frame) => {
      if (frame['t'] === 'join') this.#join(frame['from']);
      if (frame['t'] === 'leave') this.#cursor = undefined;
    };
    socket.open();
  }

  lose(): void {
    this.#socket = undefined;
    this.#cursor = undefined;
  }

  publish(isCritical: boolean): void {
    const offset = this.log.length + 1;
    this.log.push({ offset, id: `m.${offset}`, isCritical });
  }

  /** The oldest `count` entries are kept no longer. */
  trim(count: number): void {
    this.first = Math.min(this.first + count, this.log.length + 1);
  }

  /** Up to `count` entries in order. */
  deliver(count: number): void {
    for (let i = 0; i < count && this.#cursor !== undefined; i++) {
      if (this.#cursor + 1 < this.first) this.#skipTrimmed();
      const entry = this.log[this.#cursor];
      if (entry === undefined) break;
      this.#cursor++;
      if (!this.#ahead.has(entry.offset)) this.#send({ t: 'msg', th: 't', o: entry.offset, id: entry.id, d: null });
    }
  }

  /** The next critical entry, before those that it overtakes. */
  overtake(): void {
    const cursor = this.#cursor;
    if (cursor === undefined) return;
    const from = Math.max(cursor + 1, this.first - 1);
    const entry = this.log.find(({ offset, isCritical }) => isCritical && offset > from && !this.#ahead.has(offset));
    if (entry === undefined) return;
    this.#ahead.add(entry.offset);
    this.#send({ t: 'msg', th: 't', o: entry.offset, id: entry.id, d: null, ahead: true });
  }

  /** Something that it has sent already, as a merge of history and live entries might. */
  repeat(back: number): void {
    const frame = this.#delivered.at(-1 - back);
    if (this.#cursor !== undefined && frame !== undefined) this.#send(frame);
  }

  #join(from: unknown): void {
    const [, offset, id] = /^e\.(\d+)\.(.*)$/.exec(String(from)) ?? [];
    const oldest = this.first - 1;
    const asked = from === 'start' ? oldest : Number(offset);
    // what the client claims to have is what was sent
    if (id !== undefined && id !== '') expect(this.log[asked - 1]?.id).toBe(id);
    this.#cursor = Math.max(asked, oldest);
    this.#ahead = new Set();
    this.#delivered = [];
    this.#socket?.say(joined('t', `e.${this.#cursor}.`));
    if (this.#cursor > asked) this.#socket?.say({ t: 'gap', th: 't', why: 'trimmed', pos: `e.${this.#cursor}.` });
  }

  #skipTrimmed(): void {
    this.#cursor = this.first - 1;
    this.#socket?.say({ t: 'gap', th: 't', why: 'trimmed', pos: `e.${this.#cursor}.` });
  }

  #send(frame: object): void {
    this.#delivered.push(frame);
    this.#socket?.say(frame);
  }
}

type Step =
  | { readonly do: 'publish' | 'repeat' | 'trim'; readonly n: number; readonly flag: boolean }
  | { readonly do: 'deliver' | 'read'; readonly n: number; readonly flag: boolean }
  | { readonly do: 'overtake' | 'cut'; readonly n: number; readonly flag: boolean };

const stepsOf = (...kinds: Step['do'][]) =>
  fc.array(fc.record({ do: fc.constantFrom(...kinds), n: fc.integer({ min: 1, max: 6 }), flag: fc.boolean() }), {
    maxLength: 60,
  });

/** Plays the steps, then lets everything arrive. */
async function play(steps: readonly Step[], maxBuffered: number) {
  const network = fakeNetwork({ maxBuffered, random: () => 0.5 });
  const server = new ModelServer();
  const thread = network.client.join('t', { from: 'start' });
  const slow = network.client.join('t', { from: 'start' });
  const heard: Message[] = [];
  const gaps: (Gap & { after: string | undefined })[] = [];
  const read: Message[] = [];
  let position: string | undefined;
  let wait = 0;
  network.client.on('state', ({ retryInMs = 0 }) => {
    wait = retryInMs;
  });
  thread.on('message', (message) => {
    heard.push(message);
    position = message.position;
  });
  thread.on('gap', (gap) => {
    gaps.push({ ...gap, after: position });
    position = gap.position;
  });
  const missed: Gap[] = [];
  slow.on('gap', (gap) => missed.push(gap));
  const iterator = slow[Symbol.asyncIterator]();
  let isReading = false;
  const readOne = async (): Promise<void> => {
    if (!isReading) {
      isReading = true;
      void iterator.next().then(({ value }) => {
        isReading = false;
        if (value !== undefined) read.push(value);
      });
    }
    await Promise.resolve();
    await Promise.resolve();
  };
  server.connect(network.socket);
  for (const { do: what, n, flag } of steps) {
    if (what === 'publish') for (let i = 0; i < n; i++) server.publish(flag);
    else if (what === 'deliver') server.deliver(n);
    else if (what === 'overtake') server.overtake();
    else if (what === 'repeat') server.repeat(n);
    else if (what === 'trim') server.trim(n);
    else if (what === 'read') for (let i = 0; i < n; i++) await readOne();
    else {
      server.lose();
      network.socket.lose();
      await network.clock.advance(wait);
      server.connect(network.socket);
    }
  }
  for (let left = -1; left !== heard.length + read.length;) {
    left = heard.length + read.length;
    server.deliver(Infinity);
    for (let i = 0; i < server.log.length + 1; i++) await readOne();
  }
  const end = { position: thread.position, errors: network.errors };
  network.client.close();
  return { server, heard, read, gaps, missed, ...end };
}

const offsetsOf = (messages: readonly Message[]) => messages.map(({ offset }) => offset ?? Number.NaN);
const ascending = (numbers: readonly number[]) => [...numbers].sort((a, b) => a - b);
const offsetIn = (position: string | undefined) => Number(position?.split('.')[1] ?? 0);

test('whatever is cut, repeated or overtaken, each message comes exactly once and in order', async () => {
  const steps = stepsOf('publish', 'publish', 'deliver', 'deliver', 'overtake', 'repeat', 'read', 'cut');
  await fc.assert(
    fc.asyncProperty(steps, fc.integer({ min: 2, max: 8 }), async (steps, maxBuffered) => {
      const { server, heard, read, gaps, missed, errors, position } = await play(steps, maxBuffered);
      expect(errors).toEqual([]);
      expect([...gaps, ...missed]).toEqual([]);
      expect(ascending(offsetsOf(heard))).toEqual(server.log.map(({ offset }) => offset));
      const inOrder = offsetsOf(heard.filter(({ ahead }) => !ahead));
      expect(inOrder).toEqual(ascending(inOrder));
      // the slow one has its own pace, and may get what is critical at its place
      expect(ascending(offsetsOf(read))).toEqual(server.log.map(({ offset }) => offset));
      // what came ahead and was not sent again leaves the position before it
      const last = server.log.findLast(
        ({ offset }) => !heard.some((message) => message.ahead && message.offset === offset),
      );
      expect(offsetIn(position)).toBeGreaterThanOrEqual(last?.offset ?? 0);
    }),
    trials(300),
  );
});

test('where the log does not reach back, what is missing is in a gap', async () => {
  const steps = stepsOf('publish', 'publish', 'deliver', 'deliver', 'overtake', 'repeat', 'read', 'cut', 'trim');
  await fc.assert(
    fc.asyncProperty(steps, fc.integer({ min: 2, max: 8 }), async (steps, maxBuffered) => {
      const { server, heard, read, gaps, missed, errors } = await play(steps, maxBuffered);
      expect(errors).toEqual([]);
      const taken = offsetsOf(read);
      expect(new Set(taken).size).toBe(taken.length);
      const isMissed = (offset: number): boolean => missed.some(({ position }) => offset <= offsetIn(position));
      expect(server.log.filter(({ offset }) => !taken.includes(offset) && !isMissed(offset))).toEqual([]);
      const came = offsetsOf(heard);
      expect(new Set(came).size).toBe(came.length);
      const inOrder = offsetsOf(heard.filter(({ ahead }) => !ahead));
      expect(inOrder).toEqual(ascending(inOrder));
      const isTold = (offset: number): boolean =>
        gaps.some(({ after, position }) => offset > offsetIn(after) && offset <= offsetIn(position));
      expect(server.log.filter(({ offset }) => !came.includes(offset) && !isTold(offset))).toEqual([]);
    }),
    trials(300),
  );
});
