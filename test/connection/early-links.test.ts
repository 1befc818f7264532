import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FakeLink } from '../../src/testing/index.ts';
import type { Link, LinkListener } from '../../src/api/socket.ts';
import { makeHarness, type Harness } from '../support/harness.ts';

// A link of the application's own may have news before the function that makes it has returned.

let harness: Harness;

beforeEach(() => {
  harness = makeHarness();
});

afterEach(async () => {
  await harness.close();
  expect(harness.clock.pending).toBe(0);
});

/** A link that has this news while it is made. */
function makeEarly(link: FakeLink, news: (listener: LinkListener) => void): (listener: LinkListener) => Link {
  return (listener) => {
    link.attach(listener);
    news(listener);
    return link;
  };
}

describe('an end inside accept is told after the connection', () => {
  const broken = new Error('broken');
  const ends: readonly (readonly [string, (link: FakeLink) => (listener: LinkListener) => Link])[] = [
    ['hangs up while it is made', (link) => makeEarly(link, () => link.hangUp(1001, 'gone'))],
    ['breaks while it is made', (link) => makeEarly(link, (listener) => listener.onBroken(broken))],
    [
      'breaks at the first write',
      (link) => {
        link.write = () => {
          throw broken;
        };
        return link.attach;
      },
    ],
  ];

  it.each(ends)('%s', async (_, makeLink) => {
    const { hub, clock } = harness;
    const news: string[] = [];
    hub.on('connection', (connection) => {
      news.push(`connection ${connection.id}`);
      connection.on('evicted', () => news.push('evicted'));
    });
    hub.on('evicted', ({ connection }) => news.push(`evicted ${connection.id}`));
    const { id } = hub.accept(makeLink(new FakeLink()));
    expect(news).toEqual([`connection ${id}`, `evicted ${id}`, 'evicted']);
    expect(hub.stats().connections.total).toBe(0);
    await clock.settle();
    expect(news).toHaveLength(3);
  });

  it('a listener that closes it is told of the end after all listeners have been told of the connection', () => {
    const { hub } = harness;
    const news: string[] = [];
    hub.on('connection', (connection) => connection.close(4403));
    hub.on('connection', (connection) => {
      news.push(connection.state);
      connection.on('evicted', ({ code }) => news.push(String(code)));
    });
    hub.on('evicted', ({ code }) => news.push(`hub ${code}`));
    hub.accept(new FakeLink().attach);
    expect(news).toEqual(['evicted', 'hub 4403', '4403']);
  });
});

describe('a link with news inside accept', () => {
  it('that ends makes a connection that has ended', async () => {
    const link = new FakeLink();
    const connection = harness.hub.accept(makeEarly(link, () => link.hangUp(1001, 'gone')));
    await harness.clock.settle();
    expect(connection.state).toBe('evicted');
    expect(harness.hub.stats().connections.total).toBe(0);
    expect(harness.errors).toEqual([]);
  });

  it('that breaks makes a connection that has ended', async () => {
    const link = new FakeLink();
    const broken = new Error('broken');
    const connection = harness.hub.accept(makeEarly(link, (listener) => listener.onBroken(broken)));
    await harness.clock.settle();
    expect(connection.state).toBe('evicted');
    expect(harness.hub.stats().connections.total).toBe(0);
    expect(harness.errors).toEqual([broken]);
  });

  it('that brings a frame has it answered', async () => {
    const link = new FakeLink();
    const frame = { t: 'join', th: 't', r: 1 };
    harness.hub.accept(
      makeEarly(link, () => link.say(frame)),
      { authorize: () => true },
    );
    await harness.clock.settle();
    expect(link.messages).toMatchObject([{ t: 'hello' }, { t: 'joined', th: 't' }]);
    expect(harness.errors).toEqual([]);
  });

  it('that brings a frame which ends the connection is closed', async () => {
    const link = new FakeLink();
    const connection = harness.hub.accept(
      makeEarly(link, () => link.say('x'.repeat(2_000))),
      { maxInputBytes: 1_000, format: 'plain' },
    );
    await harness.clock.settle();
    expect(connection.state).toBe('evicted');
    expect(link.closeCode).toBe(1009);
    expect(harness.hub.stats().connections.total).toBe(0);
  });

  it('that brings a ping, a pong and a drain goes on', async () => {
    const link = new FakeLink();
    const connection = harness.hub.accept(
      makeEarly(link, (listener) => {
        listener.onPing();
        listener.onPong(1);
        listener.onDrain();
      }),
    );
    await connection.join('t');
    await harness.run(harness.hub.thread('t').send('a'));
    expect(link.messages).toMatchObject([{ t: 'hello' }, { t: 'joined' }, { d: 'a' }]);
  });

  it('whose maker throws leaves nothing behind', async () => {
    const link = new FakeLink();
    const accept = () =>
      harness.hub.accept(
        makeEarly(link, () => {
          link.say({ t: 'join', th: 't', r: 1 });
          throw new Error('no link');
        }),
        { authorize: () => true },
      );
    expect(accept).toThrow('no link');
    link.say({ t: 'join', th: 't', r: 2 });
    await harness.clock.settle();
    expect(harness.hub.stats()).toMatchObject({ connections: { total: 0 }, threads: 0 });
    expect(harness.errors).toEqual([]);
  });
});
