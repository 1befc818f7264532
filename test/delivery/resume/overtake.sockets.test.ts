import { expect, it, onTestFinished } from 'vitest';
import { startTcpProxy } from '../../support/tcp-proxy.ts';
import { serveWs } from '../../support/ws-server.ts';
import { connect, type Progress } from '../../../src/client/index.ts';

const BIG_CHARACTERS = 20_000_000;
const BYTES_PER_SECOND = 8_000_000;
const PART_BYTES = 65_536;

it('on a slow line an approval prompt and a token stream overtake a big tool result, which is lost by no cut', async () => {
  const server = await serveWs();
  const proxy = await startTcpProxy(Number(new URL(server.url).port), BYTES_PER_SECOND);
  const client = connect(`ws://127.0.0.1:${proxy.port}`, { backoff: { minMs: 1, maxMs: 20 } });
  onTestFinished(async () => {
    client.close();
    await server.close();
    await proxy.close();
  });
  const progress: Progress[] = [];
  const came: { what: string; after: number }[] = [];
  const note = (what: string): number => came.push({ what, after: progress.at(-1)?.parts ?? 0 });
  const thread = client.join('t', { onProgress: (news) => progress.push(news) });
  const whole = new Promise<unknown>((resolve) => {
    thread.on('message', ({ data, ahead }) => {
      if (typeof data === 'string') note(ahead ? `${data} ahead` : data);
      else resolve(data);
    });
  });
  thread.on('stream', (stream) => note(`stream ${stream.text}`));
  await new Promise<void>((resolve) => void thread.on('joined', () => resolve()));

  const result = { text: 'a "tool" result\n'.repeat(BIG_CHARACTERS / 16) };
  await server.hub.thread('t').send(result);
  // long enough for the line's rate to be known
  while (progress.length < 100) await nextTurn();
  const sentAt = progress.length;
  await server.hub.thread('t').send('approve?', { lane: 'critical' });
  const stream = server.hub.thread('t').stream();
  stream.append('token');
  while (came.length < 2) await nextTurn();
  // and a cut in the middle
  const before = progress.length;
  for (const connection of server.hub.connections) connection.close(1012, 'service restart');
  expect(await whole).toEqual(result);
  await stream.end();

  const { of } = progress[0] ?? { of: 0 };
  expect(of).toBeGreaterThan(300);
  expect(came.map(({ what }) => what).toSorted()).toEqual(['approve? ahead', 'stream token']);
  // what is on its way already cannot be overtaken: a quarter of a second's worth, and not the megabytes that the kernel would take
  const aSecond = BYTES_PER_SECOND / PART_BYTES;
  for (const { after } of came) expect(after - sentAt).toBeLessThan(aSecond / 2);
  // none came twice, before or after the cut
  expect(before).toBeLessThan(of);
  expect(progress.map(({ parts }) => parts)).toEqual(Array.from({ length: of }, (_, i) => i + 1));
});

const nextTurn = (): Promise<void> => new Promise((resolve) => void setTimeout(resolve, 1));
