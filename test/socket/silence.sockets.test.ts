import { expect, it, onTestFinished } from 'vitest';
import { connect, type StateChange } from '../../src/client/index.ts';
import { SteppedClock } from '../support/stepped-clock.ts';
import { startTcpProxy } from '../support/tcp-proxy.ts';
import { serveWs } from '../support/ws-server.ts';

it('a client of ours keeps a quiet line, and leaves one that died without a word', async () => {
  const clock = new SteppedClock();
  const server = await serveWs({ hub: { clock, heartbeatMs: 1_000, sweepMs: 50 } });
  const proxy = await startTcpProxy(Number(new URL(server.url).port));
  const heartbeats: unknown[] = [];
  class Listening extends WebSocket {
    constructor(...args: ConstructorParameters<typeof WebSocket>) {
      super(...args);
      this.addEventListener('message', ({ data }) => {
        if (data === '{"t":"hb"}') heartbeats.push(data);
      });
    }
  }
  const changes: StateChange[] = [];
  const client = connect(`ws://127.0.0.1:${proxy.port}`, { WebSocket: Listening, clock });
  onTestFinished(async () => {
    client.close();
    await server.close();
    await proxy.close();
  });
  const lost = new Promise<void>((resolve) => {
    client.on('state', (change) => {
      changes.push(change);
      if (change.to === 'waiting') resolve();
    });
  });
  // without them, two and a half times as long would have been the end
  await clock.advanceUntil(() => heartbeats.length >= 3, 20);
  proxy.blackHole();
  await clock.advanceUntilSettled(lost, 20);
  const [opened, left] = changes;
  expect(opened).toEqual({ from: 'connecting', to: 'open' });
  expect(left).toMatchObject({ from: 'open', to: 'waiting', code: 1006, reason: 'silent' });
});
