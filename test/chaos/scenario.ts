import { pause } from './load.ts';
import { Publisher, Speaker } from './publisher.ts';
import type { Logs, Loss, Store, Trouble } from './store.ts';
import { judge } from './verdict.ts';
import { Watcher } from './watcher.ts';
import { World } from './world.ts';

export interface Plan {
  readonly clients: number;
  readonly publishers: number;
  readonly threads: number;
  readonly streams: number;
  /** At least two. @default 2 */
  readonly nodes?: number;
  /** A node drains and starts anew as well; takes a few seconds. */
  readonly deploys: boolean;
  readonly paceMs: number;
  /** How long each trouble lasts, and the quiet after it. */
  readonly troubleMs: number;
  readonly quietMs: number;
  readonly freezeMs: number;
  /** How long a send may wait for the store. */
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
  /** Acknowledged messages that a restored store did not have any more. */
  readonly lost: number;
  /** How long it took until messages were acknowledged again after each trouble, at most. */
  readonly worstMs: number;
}

const CATCH_UP_MS = 240_000;
const ACKS_AFTER_TROUBLE = 10;

/** Everything that can happen to nodes and their store, one after the other, under load; then the bill. */
export async function playScenario(startStore: () => Promise<Store>, plan: Plan): Promise<Outcome> {
  const { say, quietMs, troubleMs, freezeMs } = plan;
  const world = await World.start(await startStore(), plan.nodes ?? 2, plan.timeoutMs);
  const threads = Array.from({ length: plan.threads }, (_, i) => `t${i}`);
  const watchers = Array.from({ length: plan.clients }, () => new Watcher(world.url, threads));
  try {
    const publishers = [
      ...Array.from({ length: plan.publishers }, (_, i) => new Publisher(world, `p${i}`, threads, plan.paceMs)),
      ...Array.from(
        { length: world.store.hasTransactions === true ? 2 : 0 },
        (_, i) => new Publisher(world, `order-${i}`, threads, plan.paceMs, '/order'),
      ),
    ].map((publisher) => publisher.start());
    const speakers = threads.slice(0, plan.streams).map((threadId) => new Speaker(world, threadId).start());
    let worstMs = 0;
    const quiet = async (): Promise<void> => {
      worstMs = Math.max(worstMs, await flowing(publishers));
      await pause(quietMs);
      await flowing(publishers);
    };
    await quiet();

    const losses: Loss[] = [];
    const lines = world.nodes.map(({ line }) => line);
    for (const { name, happen } of [...nodeTroubles(world, plan.deploys), ...world.store.troubles]) {
      say(name);
      const loss = await happen({ troubleMs, freezeMs, lines, quiet });
      if (typeof loss === 'object') losses.push(loss);
      await quiet();
    }

    for (const load of [...publishers, ...speakers]) await load.stop();
    const acked = publishers.flatMap((publisher) => publisher.acked);
    say(`${acked.length} messages were acknowledged; the clients catch up`);
    const logs = await readLogs(world.store, threads);
    await caughtUp(watchers, logs);
    const ids = new Set([...logs.values()].flatMap((log) => log.map(({ id }) => id)));
    const seen = watchers.flatMap((watcher) => [...watcher.seen.values()].flat());
    const gaps: Record<string, number> = {};
    for (const event of seen) if (event.kind === 'gap') gaps[event.why] = (gaps[event.why] ?? 0) + 1;
    return {
      wrong: [
        ...world.crashes,
        ...publishers.flatMap(({ refused }) => refused),
        ...judge(logs, watchers, acked, losses),
        ...watchers.flatMap(({ errors, garbled }) => [...errors.map(String), ...garbled]),
        ...((await world.store.faults?.(logs)) ?? []),
      ],
      published: acked.length,
      deliveries: seen.filter(({ kind }) => kind === 'message').length,
      retries: publishers.reduce((sum, { failures }) => sum + failures, 0),
      gaps,
      streams: watchers.reduce((sum, { streams }) => sum + streams, 0),
      lost: acked.filter(({ key }) => !ids.has(key)).length,
      worstMs: Math.round(worstMs),
    };
  } finally {
    for (const watcher of watchers) watcher.close();
    await world.stop();
  }
}

/** What can happen to the nodes, and to their lines to the store. */
function nodeTroubles(world: World, deploys: boolean): readonly Trouble[] {
  const [one, two] = world.nodes;
  if (one === undefined || two === undefined) throw new Error('two nodes are needed');
  const { name } = world.store;
  const deploy = { name: 'a node is deployed anew', happen: () => world.deployNode(two) };
  return [
    ...(deploys ? [deploy] : []),
    { name: 'a node is killed with -9', happen: () => world.killNode(one) },
    {
      name: `the link between a node and ${name} is cut, then silent`,
      happen: async ({ troubleMs, quiet }) => {
        two.line.cut();
        await quiet();
        two.line.blackHole();
        await pause(troubleMs);
        two.line.restore();
      },
    },
  ];
}

/** Until messages are acknowledged again, however long the machine takes for it: a trouble that meets no load shows nothing. */
async function flowing(publishers: readonly Publisher[]): Promise<number> {
  const count = (): number => publishers.reduce((sum, { acked }) => sum + acked.length, 0);
  const [enough, began] = [count() + ACKS_AFTER_TROUBLE, performance.now()];
  while (count() < enough && performance.now() < began + CATCH_UP_MS) await pause(10);
  return performance.now() - began;
}

async function readLogs(store: Store, threads: readonly string[]): Promise<Logs> {
  const log = store.openLog();
  const logs = new Map<string, readonly { readonly offset: number; readonly id: string }[]>();
  for (const threadId of threads) logs.set(threadId, await log.readAfter(threadId, 0, 1_000_000));
  await log.close();
  return logs;
}

/** Until each client has the end of each thread, or it takes too long: then the verdict says who has not. */
async function caughtUp(watchers: readonly Watcher[], logs: Logs): Promise<void> {
  const deadline = performance.now() + CATCH_UP_MS;
  const isBehind = (watcher: Watcher): boolean =>
    [...logs].some(([threadId, log]) => watcher.headOf(threadId) < log.length);
  while (watchers.some(isBehind) && performance.now() < deadline) await pause(50);
}
