import { randomUUID } from 'node:crypto';
import { expect, it, onTestFinished } from 'vitest';
import { RedisLog } from '../../../src/infra/log/redis/redis-log.ts';
import { resolveRedisLog } from '../../../src/infra/log/redis/options.ts';
import { VirtualClock } from '../../../src/testing/index.ts';
import { SharedBody } from '../../../src/infra/log/shared-body.ts';
import { draft, hold } from '../../support/redis-nodes.ts';
import { Dice } from '../dice.ts';
import { NodeClock } from '../node-clock.ts';
import { RedisHost } from './redis-host.ts';

// what the simulator has found in the Redis log, over the model of Redis

const clock = new VirtualClock();
const host = new RedisHost(clock, new Dice(1));

function startLog(nodeId: string = randomUUID(), node = new NodeClock(clock)): RedisLog {
  const settings = resolveRedisLog({ clock: node, random: () => 0.5, timeoutMs: 5_000, commandTimeoutMs: 1_000 });
  const log = new RedisLog({ ...settings, nodeId }, host.connector(node));
  onTestFinished(() => node.crash());
  return log;
}

async function settled<T>(work: Promise<T>): Promise<T> {
  await clock.advance(100);
  return work;
}

it('a join that needs older entries while Redis is away gets them when it is back', async () => {
  const there = startLog();
  for (const id of ['a', 'b', 'c']) await settled(Promise.resolve(there.append(draft(id))));
  const { subscription, ids } = await settled(hold(startLog()));
  expect(ids()).toEqual([]);
  host.restart(1_000, undefined);
  await clock.advance(100);
  const reached = subscription.reach?.('start');
  expect(reached).toBeInstanceOf(Promise);
  let outcome = 'none';
  reached?.then(
    () => (outcome = 'reached'),
    (error: unknown) => (outcome = String(error)),
  );
  await clock.advance(4_000);
  expect(outcome).toBe('reached');
  expect(ids()).toEqual(['a', 'b', 'c']);
});

it('what the log has of an id counts, and not what the process sends under it later', async () => {
  const node = new NodeClock(clock);
  const here = startLog('same', node);
  const { entries } = await settled(hold(here, 'u'));
  // a send of which the process has heard nothing: no answer, and no notice
  host.mute(node);
  const about = { threadId: 'u', body: new SharedBody([Buffer.from('"first"')]) };
  await settled(Promise.resolve(startLog('same').append(draft('s', about))));
  const again = Promise.resolve(
    here.append(draft('s', { threadId: 'u', body: new SharedBody([Buffer.from('"second"')]) })),
  );
  // it is sent, and sent again
  await clock.advance(0);
  host.cut(node);
  await clock.advance(3_000);
  expect((await again).isDuplicate).toBe(true);
  expect(entries.map(({ body }) => Buffer.concat(body.chunks).toString())).toEqual(['"first"']);
});
