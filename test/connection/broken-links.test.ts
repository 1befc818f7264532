import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FakeLink } from '../../src/testing/index.ts';
import { dataOf, makeHarness, type Harness } from '../support/harness.ts';

let harness: Harness;

beforeEach(() => {
  harness = makeHarness();
});

afterEach(async () => {
  await harness.close();
  expect(harness.clock.pending).toBe(0);
});

/** A link of somebody else's of which one part breaks. */
class BreakingLink extends FakeLink {
  broken: string | undefined;

  #check(part: string): void {
    if (this.broken === part) throw new Error(`${part} is broken`);
  }

  override get unsentBytes(): number {
    this.#check('unsentBytes');
    return super.unsentBytes;
  }

  override cork(): void {
    this.#check('cork');
  }

  override uncork(): void {
    this.#check('uncork');
  }

  override ping(seq: number): void {
    this.#check('ping');
    super.ping(seq);
  }

  override close(code: number, reason: string): void {
    this.#check('close');
    super.close(code, reason);
  }
}

async function join() {
  const link = new BreakingLink();
  const connection = harness.hub.accept(link.attach);
  await connection.join('t');
  return { link, connection };
}

const messages = (): string[] => harness.errors.map((error) => (error instanceof Error ? error.message : ''));

describe('a visit that throws', () => {
  it.each(['unsentBytes', 'cork', 'uncork'])('ends its connection and nothing else (%s)', async (part) => {
    const { hub, run, clock } = harness;
    const members = [];
    for (let i = 0; i < 40; i++) members.push(await join());
    const broken = members[20];
    if (broken === undefined) throw new Error('no member');
    broken.link.broken = part;
    // a big one between small ones is no run: each visit is of several writes
    const texts = ['a', 'x'.repeat(100_000), 'b'];
    const receipts = await run(Promise.all(texts.map((text) => hub.thread('t').send(text))));
    for (const { link } of members.filter((member) => member !== broken)) expect(dataOf(link)).toEqual(texts);
    expect(receipts.map(({ recipients }) => recipients)).toEqual([40, 40, 40]);
    expect(broken.connection.state).toBe('evicted');
    expect(hub.stats().connections.total).toBe(39);
    expect(new Set(messages())).toEqual(new Set([`${part} is broken`]));
    await clock.settle();
  });

  it('in a catch-up ends its connection, too', async () => {
    const { hub, run, clock } = harness;
    const [well, broken] = [await join(), await join()];
    broken.link.stall();
    await run(hub.thread('t').send('x'.repeat(600_000)));
    await run(hub.thread('t').send('b'));
    broken.link.broken = 'unsentBytes';
    broken.link.resume();
    await clock.settle();
    expect(broken.connection.state).toBe('evicted');
    expect(dataOf(well.link)).toHaveLength(2);
  });
});

it.each(['close', 'uncork', 'unsentBytes'])('a connection ends, whatever its link throws (%s)', async (part) => {
  const { hub } = harness;
  const { link, connection } = await join();
  if (part === 'unsentBytes') {
    link.stall();
    await harness.run(hub.thread('t').send('x'.repeat(600_000)));
  }
  link.broken = part;
  connection.close();
  expect(connection.state).toBe('evicted');
  expect(hub.stats()).toMatchObject({ connections: { total: 0 }, connectionsEvicted: 1 });
  expect(messages()).toContain(`${part} is broken`);
  link.broken = undefined;
});

it('a ping that cannot be sent ends its connection, and the others are pinged', async () => {
  const { hub, run, clock } = harness;
  const [first, second] = [await join(), await join()];
  await run(hub.thread('t').send('a'));
  first.link.broken = 'ping';
  await clock.advance(1_000);
  expect([first.connection.state, second.connection.state]).toEqual(['evicted', 'open']);
  expect(second.connection.stats.roundTripMs).toBe(0);
  expect(messages()).toEqual(['ping is broken']);
});

it('a probe that cannot be sent is a probe without an answer', async () => {
  const { clock } = harness;
  const { link, connection } = await join();
  connection.trip();
  link.broken = 'ping';
  await clock.advance(40_000);
  expect(connection.state).toBe('evicted');
});

describe('close', () => {
  it.each([
    [42, '', 'code'],
    [1005, '', 'code'],
    [1006, '', 'code'],
    [2000, '', 'code'],
    [4000.5, '', 'code'],
    [4000, 'x'.repeat(124), 'reason'],
    [4000, 'ü'.repeat(62), 'reason'],
  ])('refuses %d %s, and the connection stays', async (code, reason, option) => {
    const { connection } = await join();
    expect(() => connection.close(code, reason)).toThrow(
      expect.objectContaining({ code: 'TC_INVALID_OPTION', option }),
    );
    expect(connection.state).toBe('open');
    connection.close(4000, 'x'.repeat(123));
    expect(connection.state).toBe('evicted');
  });
});

it.each([undefined, null, {}, 'link'])(
  'a function that makes no link, but %j, is refused and leaves nothing',
  (made) => {
    const { hub } = harness;
    const makeLink = (): FakeLink => JSON.parse(JSON.stringify({ made })).made;
    expect(() => hub.accept(makeLink)).toThrow(expect.objectContaining({ code: 'TC_UNSUPPORTED_SOCKET' }));
    expect(hub.stats().connections.total).toBe(0);
  },
);
