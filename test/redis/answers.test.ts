import { beforeEach, expect, it, onTestFinished } from 'vitest';
import { createHub, answer, type Hub, type PublishAnswer } from '../../src/index.ts';
import { FakeLink } from '../../src/testing/index.ts';
import { framesOf } from '../support/harness.ts';
import { startLog, startRedis, until, untilInTime } from '../support/redis-nodes.ts';
import { closeHub, SteppedClock } from '../support/stepped-clock.ts';
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy.ts';

let clock: SteppedClock;
let line: TcpProxy;
let here: Hub;
/** Its way to Redis can be cut. */
let there: Hub;
let asked: Hub[];
let onPublish: () => PublishAnswer | Promise<PublishAnswer>;

function startHub(port: number): Hub {
  const url = `redis://127.0.0.1:${port}`;
  // a Redis that takes long to answer is no outage
  // by Redis's own time, a node whose reports wait for the test's clock would be dead after ten seconds, and its claim void
  const hub = createHub({ clock, log: startLog({ url, clock, now: () => clock.now() }) });
  hub.on('error', (error) => expect.fail(String(error)));
  onTestFinished(() => closeHub(hub, clock));
  return hub;
}

function connect(hub: Hub): FakeLink {
  const link = new FakeLink();
  hub.accept(link.attach, {
    userId: 'ada',
    authorize: () => true,
    onPublish: () => {
      asked.push(hub);
      return onPublish();
    },
  });
  return link;
}

const say = (link: FakeLink): void => link.say({ t: 'pub', th: 'room', id: 'a', d: 1 });

async function answered(link: FakeLink): Promise<unknown> {
  // who waits for another node's answer looks again after a while
  await untilInTime(clock, () => framesOf(link, 'ok').length > 0, 5);
  return framesOf(link, 'ok').at(-1)?.['d'];
}

beforeEach(async () => {
  const server = await startRedis();
  clock = new SteppedClock();
  line = await startTcpProxy(server.port);
  onTestFinished(() => line.close());
  here = startHub(server.port);
  there = startHub(line.port);
  // without a connection, a node does not claim: time must not move before there is one
  await Promise.all([here, there].map((hub) => hub.thread('room').position()));
  asked = [];
  onPublish = () => answer({ hub: asked.length, text: 'ä\n' });
});

it('a retry gets the first answer on both nodes, and onPublish runs once', async () => {
  const links = [connect(here), connect(there), connect(here)];
  for (const link of links) {
    say(link);
    expect(await answered(link)).toEqual({ hub: 1, text: 'ä\n' });
  }
  expect(asked).toEqual([here]);
});

it('an answer of bytes is one on both nodes', async () => {
  const bytes = Uint8Array.of(0, 255, 10);
  onPublish = () => answer(bytes);
  for (const node of [here, there]) {
    const link = connect(node);
    say(link);
    expect(await answered(link)).toBe(Buffer.from(bytes).toString('base64'));
    expect(framesOf(link, 'ok').at(-1)).toMatchObject({ enc: 'base64' });
  }
  expect(asked).toEqual([here]);
});

it('retries while the first attempt is running wait for it, on both nodes', async () => {
  const { promise, resolve } = Promise.withResolvers<void>();
  onPublish = async () => {
    await promise;
    return answer('slow');
  };
  const first = connect(here);
  say(first);
  await until(() => asked.length === 1);
  const retries = [connect(here), connect(there)];
  for (const link of retries) say(link);
  await there.thread('room').position();
  first.terminate();
  resolve();
  for (const link of retries) expect(await answered(link)).toBe('slow');
  expect(asked).toEqual([here]);
});

it('a thread without a definition is not in the log’s outage', async () => {
  const link = connect(there);
  await until(() => [...there.connections].every(({ threads }) => threads.length > 0));
  let isDown = false;
  there.on('log', ({ isUp }) => {
    isDown = !isUp;
  });
  line.blackHole();
  await untilInTime(clock, () => isDown);
  onPublish = () => true;
  say(link);
  await untilInTime(clock, () => framesOf(link, 'ok').length > 0);
  expect(asked).toEqual([there]);
  line.restore();
});
