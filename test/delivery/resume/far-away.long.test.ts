import { expect, it, onTestFinished } from 'vitest';
import { startDelayingProxy } from '../../support/delaying-proxy.ts';
import { serveWs } from '../../support/ws-server.ts';
import { connect } from '../../../src/client/index.ts';

const BYTES = 40_000_000;

// it took 5.5 and 0.54 MB/s when the window did not grow; on a quiet machine it is 26 and 11
it.each([
  [200, 8],
  [600, 3],
])(
  'over a line of %i ms, a big message comes in parts at the rate of the line, and an approval overtakes it',
  async (roundTripMs, leastRate) => {
    const server = await serveWs();
    const proxy = await startDelayingProxy(Number(new URL(server.url).port), roundTripMs);
    const client = connect(`ws://127.0.0.1:${proxy.port}`);
    onTestFinished(async () => {
      client.close();
      await server.close();
      await proxy.close();
    });
    const progress = { parts: 0 };
    const thread = client.join('t', { onProgress: ({ parts }) => Object.assign(progress, { parts }) });
    const came: { data: unknown; at: number }[] = [];
    thread.on('message', ({ data }) => came.push({ data, at: performance.now() }));
    await new Promise<void>((resolve) => void thread.on('joined', () => resolve()));

    const rates: number[] = [];
    const waits: number[] = [];
    const text = 'x'.repeat(BYTES);
    for (let round = 0; round < 3; round++) {
      progress.parts = 0;
      const before = came.length;
      const startedAt = performance.now();
      await server.hub.thread('t').send({ round, text });
      while (progress.parts < 100) await nextTurn();
      const askedAt = performance.now();
      await server.hub.thread('t').send('approve?', { lane: 'critical' });
      while (came.length < before + 2) await nextTurn();
      // on a busy machine all of the big message may be on its way before the approval is sent
      const approval = came.slice(before).find(({ data }) => data === 'approve?');
      const whole = came.slice(before).find((message) => message !== approval);
      waits.push((approval?.at ?? Infinity) - askedAt);
      rates.push(BYTES / 1_000 / ((whole?.at ?? Infinity) - startedAt));
    }
    expect(Math.max(...rates)).toBeGreaterThan(leastRate);
    expect(Math.min(...waits)).toBeLessThan(roundTripMs + 250);
  },
);

const nextTurn = (): Promise<void> => new Promise((resolve) => void setTimeout(resolve, 1));
