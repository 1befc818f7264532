import { expect, onTestFinished } from 'vitest';
import type { DeliveryLog, Entry, EntryDraft, LogReset, LogSubscription } from '../../src/index.ts';
import { SharedBody } from '../../src/infra/log/shared-body.ts';
import { redisLog, type RedisLogOptions } from '../../src/redis/index.ts';
import type { VirtualClock } from '../../src/testing/index.ts';
import { RedisServer } from './redis-server.ts';

/** Silence is noticed soon enough for a test; a send gives up only where nothing comes at all, however busy the machine is. */
export const QUICK: RedisLogOptions = { timeoutMs: 20_000, commandTimeoutMs: 500 };

export async function startRedis(args: readonly string[] = []): Promise<RedisServer> {
  const server = await RedisServer.start(args);
  onTestFinished(() => server.stop());
  return server;
}

export function startLog(options: RedisLogOptions): DeliveryLog {
  const log = redisLog({ ...QUICK, ...options });
  onTestFinished(async () => log.close());
  return log;
}

/** A log that reads a thread, with all that it was told. */
export interface Held {
  readonly log: DeliveryLog;
  readonly subscription: LogSubscription;
  readonly entries: Entry[];
  readonly notes: string[];
  readonly resets: LogReset[];
  /** Ids of the tail, oldest first. */
  readonly ids: () => (string | undefined)[];
}

export async function hold(log: DeliveryLog, threadId = 't'): Promise<Held> {
  const [entries, notes, resets]: [Entry[], string[], LogReset[]] = [[], [], []];
  const subscription = await log.subscribe(
    threadId,
    (entry) => entries.push(entry),
    (note) => notes.push(note),
    (reset) => resets.push(reset),
  );
  const { tail } = subscription;
  const ids = () => Array.from({ length: tail.head - tail.first + 1 }, (_, i) => tail.at(tail.first + i)?.id);
  return { log, subscription, entries, notes, resets, ids };
}

export function draft(id: string, facts: Partial<EntryDraft> & { bytes?: number } = {}): EntryDraft {
  const text = facts.bytes === undefined ? JSON.stringify(id) : `"${'x'.repeat(facts.bytes - 2)}"`;
  return {
    threadId: 't',
    id,
    lane: 'normal',
    body: new SharedBody([Buffer.from(text)]),
    expiresAt: Infinity,
    ...facts,
  };
}

export const names = (from: number, to: number, prefix = 'm'): string[] =>
  Array.from({ length: to - from + 1 }, (_, i) => `${prefix}${from + i}`);

export async function appendAll(log: DeliveryLog, ids: readonly string[]): Promise<number[]> {
  const appended = await Promise.all(ids.map(async (id) => log.append(draft(id))));
  return appended.map(({ entry }) => entry.offset);
}

/** As `until`, in a log's virtual time: it passes while Redis, which is real, does what it has to. */
export function untilInTime(clock: VirtualClock, isIt: () => boolean | Promise<boolean>, stepMs = 20): Promise<void> {
  return until(async () => {
    await clock.advance(stepMs);
    return isIt();
  });
}

/** Waits for a condition that nobody tells of; the test's own time limit ends it. */
export async function until(isIt: () => boolean | Promise<boolean>): Promise<void> {
  await expect.poll(isIt, { interval: 10 }).toBe(true);
}
