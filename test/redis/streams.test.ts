import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { createHub, type Hub, type StreamLimits } from '../../src/index.ts';
import { FakeLink } from '../../src/testing/index.ts';
import { dataOf, framesOf } from '../support/harness.ts';
import { startLog, startRedis, until } from '../support/redis-nodes.ts';
import type { RedisServer } from '../support/redis-server.ts';

let server: RedisServer;
let here: Hub;
let there: Hub;

function startHub(streams: StreamLimits = {}): Hub {
  const hub = createHub({ log: startLog({ url: server.url }), sweepMs: 100, streams });
  hub.on('error', (error) => expect.fail(String(error)));
  onTestFinished(() => hub.close());
  return hub;
}

/** A client that has joined `t`. */
async function join(hub: Hub, frame: object = {}): Promise<FakeLink> {
  const link = new FakeLink();
  hub.accept(link.attach, { userId: 'ada', authorize: () => true });
  link.say({ t: 'join', th: 't', ...frame });
  await until(() => framesOf(link, 'joined').some(({ th }) => th === 't'));
  return link;
}

/** The text of the stream `s`, put together as a client does. */
function textOf(link: FakeLink): string {
  let text = '';
  for (const { at, d } of framesOf(link, 'tok')) {
    expect(at).toBe(text.length);
    text += String(d);
  }
  return text;
}

beforeEach(async () => {
  server = await startRedis();
  here = startHub();
  there = startHub();
});

describe('token streams of several hubs with one Redis', () => {
  it('reach the members of all, also those that come late, and end once', async () => {
    const early = await join(there);
    const stream = here.thread('t').stream({ id: 's' });
    for (let i = 0; i < 50; i++) {
      stream.append(`${i} \u{1F680} `);
      if (i % 10 === 0) await until(() => textOf(early).length === stream.length);
    }
    await until(() => textOf(early).length === stream.length);
    const late = await join(startHub());
    await until(() => textOf(late).length === stream.length);
    stream.append('the end');
    await stream.end({ role: 'assistant' });
    await until(() => dataOf(early).length + dataOf(late).length === 2);
    for (const link of [early, late]) {
      const [message] = framesOf(link, 'msg');
      expect(message).toMatchObject({ id: 's', d: { role: 'assistant' } });
      expect(message?.['d']).toMatchObject({ text: expect.stringMatching(/^0 \u{1F680} 1 .* 49 \u{1F680} the end$/u) });
    }
    await until(() => [here, there].every((hub) => hub.stats().streams === 0));
  });

  it('are cancelled from another hub', async () => {
    const link = await join(there);
    const stream = here.thread('t').stream({ id: 's' });
    stream.append('text');
    await until(() => textOf(link) === 'text');
    link.say({ t: 'cancel', th: 't', s: 's' });
    await until(() => stream.signal.aborted);
    expect(stream.signal.reason).toMatchObject({ reason: 'cancelled', userId: 'ada' });
  });

  it('begin anew where Redis has lost messages', async () => {
    const links = [await join(here), await join(there)];
    const stream = here.thread('t').stream({ id: 's' });
    stream.append('text');
    await here.thread('t').send('kept');
    await server.run(['SAVE']);
    await here.thread('t').send('lost');
    await until(() => links.every((link) => textOf(link) === 'text' && dataOf(link).length === 2));
    await server.kill();
    await server.start();
    await until(() => links.every((link) => framesOf(link, 'gap').length === 1));
    await until(() => links.every((link) => framesOf(link, 'tok').length === 2));
    for (const link of links)
      expect(framesOf(link, 'tok')).toMatchObject([
        { at: 0, d: 'text' },
        { at: 0, d: 'text' },
      ]);
    await stream.end();
    await until(() => links.every((link) => framesOf(link, 'msg').at(-1)?.['id'] === 's'));
  });

  it('leave one mark when the process that publishes is killed', async () => {
    const links = [await join(here), await join(there)];
    const script = fileURLToPath(new URL('./fixtures/publisher.ts', import.meta.url));
    const publisher = spawn(process.execPath, [script, server.url, 'this is all that it says'], { stdio: 'inherit' });
    onTestFinished(() => void publisher.kill('SIGKILL'));
    const text = 'this is all that it says ';
    await until(() => links.every((link) => textOf(link) === text));
    publisher.kill('SIGKILL');
    await until(() => links.every((link) => dataOf(link).length > 0));
    expect(links.map(dataOf)).toEqual([[{ text, aborted: 'lost' }], [{ text, aborted: 'lost' }]]);
    expect((await here.thread('t').history()).messages).toHaveLength(1);
  });
});
