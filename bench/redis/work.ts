import { usageSince, type Usage } from './usage.ts';

/** What a server process is told to do; without anything to publish, it only answers what it has used since the last order. */
export interface PublishOrder {
  readonly rate: number;
  readonly seconds: number;
  readonly threads: number;
}

/** What it has done, and what this process has used for it. */
export interface Published extends Usage {
  readonly sent: number;
  readonly failed: number;
}

/** One library under test, in this process. */
export interface Contender {
  readonly port: number;
  /** Resolves when the library says that it is done. */
  publish(thread: string, message: object): Promise<unknown>;
}

/** Milliseconds on the clock that all processes of this machine share. */
export const now = (): number => Number(process.hrtime.bigint()) / 1e6;

export const threadName = (i: number): string => `thread-${i}`;

const PAD = 'x'.repeat(160);
const TICK_MS = 1;

/** Serves the benchmark's orders over the process's channel until it closes. */
export async function serve(start: (redisUrl: string) => Promise<Contender>): Promise<void> {
  const contender = await start(process.env['REDIS_URL'] ?? '');
  const usage = usageSince();
  process.on('message', (order: PublishOrder) => {
    void publish(contender, order).then((published) => process.send?.({ ...published, ...usage() }));
  });
  process.on('disconnect', () => process.exit(0));
  process.send?.({ port: contender.port });
}

/** At a fixed rate, whatever the answers; each message carries when it was due, not when a busy loop came to send it. */
async function publish(
  contender: Contender,
  { rate, seconds, threads }: PublishOrder,
): Promise<Pick<Published, 'sent' | 'failed'>> {
  const begin = now();
  const total = rate * seconds;
  // counted, not kept: an application does not hold the answers of 20,000 messages, and the collector would copy them
  let unanswered = total;
  let failed = 0;
  const answered = Promise.withResolvers<void>();
  const count = (): void => {
    if (--unanswered === 0) answered.resolve();
  };
  const countFailed = (): void => {
    failed++;
    count();
  };
  if (total === 0) answered.resolve();
  for (let sent = 0; sent < total;) {
    for (const until = now(); sent < total && begin + (sent * 1_000) / rate <= until; sent++) {
      const message = { due: begin + (sent * 1_000) / rate, pad: PAD };
      const thread = threadName(Math.floor(Math.random() * threads));
      contender.publish(thread, message).then(count, countFailed);
    }
    await new Promise((resolve) => void setTimeout(resolve, TICK_MS));
  }
  await answered.promise;
  return { sent: total, failed };
}
