import { redisLog } from '../../src/redis/index.ts';
import { pause, Publisher, Speaker } from './publisher.ts';
import { judge, type Loss } from './verdict.ts';
import { Watcher } from './watcher.ts';
import { World } from './world.ts';

export interface Plan {
  readonly clients: number;
  readonly publishers: number;
  readonly threads: number;
  readonly streams: number;
  /** A node drains and starts anew as well; takes a few seconds. */
  readonly deploys: boolean;
  readonly paceMs: number;
  /** How long each trouble lasts, and the quiet after it. */
  readonly troubleMs: number;
  readonly quietMs: number;
  readonly freezeMs: number;
  /** How long a send may wait for Redis. */
  readonly timeoutMs: number;
  readonly say: (text: string) => void;
}

export interface Outcome {
  readonly wrong: readonly string[];
  readonly published: number;
  readonly deliveries: number;
  readonly retries: number;
  readonly gaps: Readonly<Record<string, number>>;
  /** Token streams that clients followed to their end. */
  readonly streams: number;
  /** Acknowledged messages that a restored Redis did not have any more. */
  readonly lost: number;
}

const CATCH_UP_MS = 30_000;
const ACKS_AFTER_TROUBLE = 10;

/** Everything that can happen to two nodes and a Redis, one after the other, under load; then the bill. */
export async function playScenario(plan: Plan): Promise<Outcome> {
  const { say, quietMs, troubleMs } = plan;
  const world = await World.start(plan.timeoutMs);
  const threads = Array.from({ length: plan.threads }, (_, i) => `t${i}`);
  const watchers = Array.from({ length: plan.clients }, () => new Watcher(world.url, threads));
  try {
    const publishers = Array.from({ length: plan.publishers }, (_, i) =>
      new Publisher(world, `p${i}`, threads, plan.paceMs).start(),
    );
    const speakers = threads.slice(0, plan.streams).map((threadId) => new Speaker(world, threadId).start());
    const [one, two] = world.nodes;
    if (one === undefined || two === undefined) throw new Error('two nodes are needed');
    const quiet = async (): Promise<void> => {
      await pause(quietMs);
      await flowing(publishers);
    };
    await quiet();

    if (plan.deploys) {
      say('a node is deployed anew');
      await world.deployNode(two);
      await quiet();
    }

    say('a node is killed with -9');
    await world.killNode(one);
    await quiet();

    say('the link between a node and Redis is cut, then silent');
    two.line.cut();
    await quiet();
    two.line.blackHole();
    await pause(troubleMs);
    two.line.restore();
    await quiet();

    say('Redis is killed and restarted');
    await world.redis.kill();
    await pause(troubleMs);
    await world.redis.start();
    await quiet();

    say(`Redis is stopped for ${plan.freezeMs} ms`);
    world.redis.freeze();
    await pause(plan.freezeMs);
    world.redis.thaw();
    await quiet();

    say('Redis is restored from an older snapshot');
    await world.snapshot();
    const from = performance.now();
    await quiet();
    await world.restore();
    const loss: Loss = { from, to: performance.now() };
    await quiet();

    for (const load of [...publishers, ...speakers]) await load.stop();
    const acked = publishers.flatMap((publisher) => publisher.acked);
    say(`${acked.length} messages were acknowledged; the clients catch up`);
    const logs = await readLogs(world.redis.url, threads);
    await caughtUp(watchers, logs);
    const ids = new Set([...logs.values()].flatMap((log) => log.map(({ id }) => id)));
    const seen = watchers.flatMap((watcher) => [...watcher.seen.values()].flat());
    const gaps: Record<string, number> = {};
    for (const event of seen) if (event.kind === 'gap') gaps[event.why] = (gaps[event.why] ?? 0) + 1;
    return {
      wrong: [
        ...world.crashes,
        ...publishers.flatMap(({ refused }) => refused),
        ...judge(logs, watchers, acked, [loss]),
        ...watchers.flatMap(({ errors, garbled }) => [...errors.map(String), ...garbled]),
      ],
      published: acked.length,
      deliveries: seen.filter(({ kind }) => kind === 'message').length,
      retries: publishers.reduce((sum, { failures }) => sum + failures, 0),
      gaps,
      streams: watchers.reduce((sum, { streams }) => sum + streams, 0),
      lost: acked.filter(({ key }) => !ids.has(key)).length,
    };
  } finally {
    for (const watcher of watchers) watcher.close();
    await world.stop();
  }
}

/** Until messages are acknowledged again, however long the machine takes for it: a trouble that meets no load shows nothing. */
async function flowing(publishers: readonly Publisher[]): Promise<void> {
  const count = (): number => publishers.reduce((sum, { acked }) => sum + acked.length, 0);
  const [enough, deadline] = [count() + ACKS_AFTER_TROUBLE, performance.now() + CATCH_UP_MS];
  while (count() < enough && performance.now() < deadline) await pause(10);
}

type Log = readonly { readonly offset: number; readonly id: string }[];

async function readLogs(url: string, threads: readonly string[]): Promise<Map<string, Log>> {
  const log = redisLog({ url, maxEntries: 1_000_000 });
  const logs = new Map<string, Log>();
  for (const threadId of threads) logs.set(threadId, await log.readAfter(threadId, 0, 1_000_000));
  await log.close();
  return logs;
}

/** Until each client has the end of each thread, or it takes too long: then the verdict says who has not. */
async function caughtUp(watchers: readonly Watcher[], logs: ReadonlyMap<string, Log>): Promise<void> {
  const deadline = performance.now() + CATCH_UP_MS;
  const isBehind = (watcher: Watcher): boolean =>
    [...logs].some(([threadId, log]) => watcher.headOf(threadId) < log.length);
  while (watchers.some(isBehind) && performance.now() < deadline) await pause(50);
}
