import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { AcceptOptions, Connection, SendOptions } from '../../src/index.ts';
import { FakeLink } from '../../src/testing/index.ts';
import { dataOf, framesOf, makeHarness, type Harness } from '../support/harness.ts';

let harness: Harness;

beforeEach(() => {
  harness = makeHarness();
});

afterEach(async () => {
  await harness.close();
  expect(harness.errors).toEqual([]);
});

const MINE = 'a-client-of-one-page-0001';

async function join(options: AcceptOptions = {}, from?: string): Promise<{ link: FakeLink; connection: Connection }> {
  const link = new FakeLink();
  const connection = harness.hub.accept(link.attach, options);
  await connection.join('t', { from });
  await harness.clock.settle();
  return { link, connection };
}

const send = (data: unknown, options?: SendOptions) => harness.run(harness.hub.thread('t').send(data, options));

describe('a message for all but one', () => {
  it.each(['normal', 'critical', 'volatile'] as const)(
    'is not for that connection, and no receipt counts it: %s',
    async (lane) => {
      const [one, two] = [await join(), await join()];
      const receipt = await send('x', { lane, except: one.connection.id });
      expect(receipt).toMatchObject({ recipients: 1, written: 1, behind: 0, dropped: 0 });
      const settlement = await harness.run(receipt.settled());
      expect([...settlement.outcomes]).toEqual([[two.connection.id, 'written']]);
      await send('y');
      expect([dataOf(one.link), dataOf(two.link)]).toEqual([['y'], ['x', 'y']]);
      expect(one.connection.stats.lag).toBe(0);
    },
  );

  it('history has it', async () => {
    const { connection } = await join();
    await send('x', { except: connection.id });
    expect(JSON.stringify(await harness.run(harness.hub.thread('t').history()))).toContain('"x"');
  });

  it('is not for any connection of a user', async () => {
    const [one, two, other] = [await join({ userId: 'u' }), await join({ userId: 'u' }), await join({ userId: 'v' })];
    const receipt = await send('x', { except: { userId: 'u' } });
    expect(receipt).toMatchObject({ recipients: 1, written: 1 });
    expect([one, two, other].map(({ link }) => dataOf(link))).toEqual([[], [], ['x']]);
    expect(dataOf((await join({ userId: 'u' }, 'start')).link)).toEqual([]);
  });

  it('is skipped by a client that resumes on another connection, among others that are not, also in a run', async () => {
    const first = await join({ clientId: MINE });
    const position = await harness.hub.thread('t').position();
    first.connection.close();
    await harness.clock.settle();
    // the connection has ended, and the application still works on its message
    for (const data of ['a', 'b', 'c', 'd']) await send(data, data === 'c' ? { except: first.connection.id } : {});
    expect(dataOf((await join({ clientId: MINE }, position)).link)).toEqual(['a', 'b', 'd']);
    expect(dataOf((await join({ clientId: `${MINE}2` }, position)).link)).toEqual(['a', 'b', 'c', 'd']);
  });

  it('does not count for a connection that could not be written to', async () => {
    const [one, two] = [await join(), await join()];
    one.link.stall();
    two.link.stall();
    const before = 'x'.repeat(1_000_000);
    await send(before);
    const receipt = await send('x', { except: one.connection.id });
    expect(receipt).toMatchObject({ recipients: 1, behind: 1 });
    one.link.resume();
    two.link.resume();
    await harness.clock.settle();
    expect([dataOf(one.link), dataOf(two.link)]).toEqual([[before], [before, 'x']]);
    expect((await harness.run(receipt.settled())).outcomes.get(one.connection.id)).toBeUndefined();
  });

  it('is edited and removed only for those who have it', async () => {
    const [one, two] = [await join(), await join()];
    await send('x', { idempotencyKey: 'x', except: one.connection.id });
    await send('y', { replaces: 'x' });
    await harness.run(harness.hub.thread('t').remove('x'));
    expect([dataOf(one.link), dataOf(two.link)]).toEqual([[], ['x', 'y']]);
    expect([framesOf(one.link, 'removed').length, framesOf(two.link, 'removed').length]).toEqual([0, 1]);
  });

  it.each([[''], [7], [null], [{}], [{ userId: '' }], [{ userId: 'u', id: 'c' }], [['c']]])(
    'except %j is refused, and nothing is sent',
    async (except) => {
      const { link } = await join();
      const options: SendOptions = JSON.parse(JSON.stringify({ except }));
      await expect(send('x', options)).rejects.toMatchObject({ code: 'TC_INVALID_OPTION', option: 'except' });
      expect(dataOf(link)).toEqual([]);
    },
  );
});
