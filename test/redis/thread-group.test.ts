import { expect, it, onTestFinished } from 'vitest';
import { createHub, type Hub } from '../../src/index.ts';
import { FakeLink } from '../../src/testing/index.ts';
import { framesOf } from '../support/harness.ts';
import { startLog, startRedis, until } from '../support/redis-nodes.ts';

it('clients of the other node get it as one message of several threads: live, and when they resume', async () => {
  const server = await startRedis();
  const startHub = (): Hub => {
    const hub = createHub({ log: startLog({ url: `redis://127.0.0.1:${server.port}` }) });
    hub.on('error', (error) => expect.fail(String(error)));
    onTestFinished(() => hub.close());
    return hub;
  };
  const [here, there] = [startHub(), startHub()];
  const live = new FakeLink();
  const connection = there.accept(live.attach);
  await Promise.all([connection.join('a'), connection.join('b')]);
  const receipts = await here.to(['a', 'b', 'big']).send({ text: 'x'.repeat(300_000) }, { idempotencyKey: 'k' });
  expect(receipts.map(({ position }) => position?.split('.').slice(1).join('.'))).toEqual(['1.k', '1.k', '1.k']);
  await until(() => framesOf(live, 'msg').length === 2);
  const late = new FakeLink();
  await there.accept(late.attach).join('big', { from: 'start' });
  await until(() => framesOf(late, 'msg').length === 1);
  for (const frame of [...framesOf(live, 'msg'), ...framesOf(late, 'msg')])
    expect(frame).toMatchObject({ id: 'k', many: true, d: { text: 'x'.repeat(300_000) } });
});
