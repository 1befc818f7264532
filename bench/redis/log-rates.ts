import { SharedBody } from '../../src/infra/log/shared-body.ts';
import { redisLog } from '../../src/redis/index.ts';
import { now, threadName } from './work.ts';

/** How much one node gets through the log alone, without sockets. */
export interface LogRates {
  readonly appendsPerSecond: number;
  readonly appendsOneThread: number;
  /** Threads opened, and 50 missed messages read, in a second. */
  readonly recoveriesPerSecond: number;
}

const SECONDS = 4;
const UNDER_WAY = 256;

export async function measureLog(url: string): Promise<LogRates> {
  const log = redisLog({ url, prefix: 'rates', maxPending: 1_000_000 });
  const body = Buffer.from(JSON.stringify({ text: 'x'.repeat(190) }));
  const append = (threadId: string, id: string) =>
    log.append({ threadId, id, lane: 'normal', body: new SharedBody([body]), expiresAt: Infinity });
  const many = await rate((n) => append(threadName(n % 1_000), `a${n}`));
  const one = await rate((n) => append('one', `b${n}`));
  for (let n = 0; n < 200; n++) for (let i = 0; i < 50; i++) await append(`missed-${n}`, `m${i}`);
  const recoveries = await rate(async (n) => {
    const { epoch } = await log.position(`missed-${n % 200}`);
    const subscription = await log.subscribe(`missed-${n % 200}`, () => {});
    await subscription.reach?.({ epoch, offset: 0, id: '' });
    subscription.unsubscribe();
  }, 32);
  await log.close();
  return { appendsPerSecond: many, appendsOneThread: one, recoveriesPerSecond: recoveries };
}

/** How often in a second, with so many under way at a time. */
async function rate(act: (n: number) => unknown, underWay = UNDER_WAY): Promise<number> {
  const begin = now();
  let done = 0;
  let next = 0;
  const worker = async (): Promise<void> => {
    while (now() - begin < SECONDS * 1_000) {
      await act(next++);
      done++;
    }
  };
  await Promise.all(Array.from({ length: underWay }, worker));
  return done / ((now() - begin) / 1_000);
}
