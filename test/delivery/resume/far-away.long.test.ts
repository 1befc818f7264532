import { expect, it, onTestFinished } from 'vitest';
import { advanceOver, startDelayingProxy } from '../../support/delaying-proxy.ts';
import { SteppedClock } from '../../support/stepped-clock.ts';
import { serveWs } from '../../support/ws-server.ts';
import { connect } from '../../../src/client/index.ts';

const BYTES = 40_000_000;

// megabytes a second of the line's time, which stands still while the machine works
it.each([
  [200, 8],
  [600, 3],
])(
  'over a line of %i ms, a big message comes in parts at the rate of the line, and an approval overtakes it',
  async (roundTripMs, leastRate) => {
    const clock = new SteppedClock();
    const server = await serveWs({ hub: { clock } });
    const proxy = await startDelayingProxy(Number(new URL(server.url).port), roundTripMs, clock);
    const client = connect(`ws://127.0.0.1:${proxy.port}`);
    onTestFinished(async () => {
      client.close();
      await server.close();
      await proxy.close();
    });
    const until = (isIt: () => boolean): Promise<void> => advanceOver(proxy, clock, isIt);
    const progress = { parts: 0 };
    const thread = client.join('t', { onProgress: ({ parts }) => Object.assign(progress, { parts }) });
    const came: { data: unknown; at: number }[] = [];
    thread.on('message', ({ data }) => came.push({ data, at: clock.now() }));
    let isJoined = false;
    thread.on('joined', () => {
      isJoined = true;
    });
    await until(() => isJoined);

    const rates: number[] = [];
    const waits: number[] = [];
    const text = 'x'.repeat(BYTES);
    for (let round = 0; round < 3; round++) {
      progress.parts = 0;
      const before = came.length;
      const startedAt = clock.now();
      await server.hub.thread('t').send({ round, text });
      await until(() => progress.parts >= 100);
      const askedAt = clock.now();
      await server.hub.thread('t').send('approve?', { lane: 'critical' });
      await until(() => came.length === before + 2);
      const approval = came.slice(before).find(({ data }) => data === 'approve?');
      const whole = came.slice(before).find((message) => message !== approval);
      waits.push((approval?.at ?? Infinity) - askedAt);
      rates.push(BYTES / 1_000 / ((whole?.at ?? Infinity) - startedAt));
    }
    expect(Math.max(...rates)).toBeGreaterThan(leastRate);
    expect(Math.min(...waits)).toBeLessThan(roundTripMs + 250);
  },
);
