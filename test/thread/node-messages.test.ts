import { afterEach, describe, expect, it } from 'vitest';
import { memoryLog } from '../../src/index.ts';
import { VirtualClock } from '../../src/testing/index.ts';
import { dataOf, framesOf, makeHarness, type Harness } from '../support/harness.ts';
import { SharedLog } from '../support/shared-log.ts';

let nodes: Harness[] = [];

function twoNodes(): { here: Harness; there: Harness; clock: VirtualClock } {
  const clock = new VirtualClock();
  const shared = new SharedLog(memoryLog({ clock }));
  const [here, there] = [makeHarness({ clock, log: shared.node() }), makeHarness({ clock, log: shared.node() })];
  nodes = [here, there];
  return { here, there, clock };
}

afterEach(async () => {
  for (const { clock, hub, errors } of nodes) {
    const closed = hub.close();
    await clock.advance(2_000);
    await closed;
    expect(errors).toEqual([]);
  }
});

describe('two hubs with one log', () => {
  it('deliver a volatile message to the members of both, once, and log nothing', async () => {
    const { here, there, clock } = twoNodes();
    const [one, two] = [here.connect(), there.connect()];
    await one.connection.join('t');
    await two.connection.join('t');
    const sending = here.hub.thread('t').send({ typing: 'ada' }, { lane: 'volatile' });
    await clock.settle();
    expect(await sending).toMatchObject({ position: undefined, recipients: 1, written: 1 });
    expect([dataOf(one.link), dataOf(two.link)]).toEqual([[{ typing: 'ada' }], [{ typing: 'ada' }]]);
    expect(framesOf(two.link, 'msg')[0]).not.toHaveProperty('o');
    expect((await here.hub.thread('t').history()).messages).toEqual([]);
  });

  it('deliver a volatile message of bytes to the members of both', async () => {
    const { here, there } = twoNodes();
    const [one, two] = [here.connect(), there.connect()];
    await one.connection.join('t');
    await two.connection.join('t');
    await here.run(here.hub.thread('t').send(Uint8Array.of(0, 255, 10), { lane: 'volatile' }));
    for (const { link } of [one, two]) expect(framesOf(link, 'msg')).toMatchObject([{ enc: 'base64', d: 'AP8K' }]);
  });

  it('drop a volatile message for those of the other that are busy', async () => {
    const { here, there } = twoNodes();
    const [busy, idle] = [there.connect(), there.connect()];
    await busy.connection.join('t');
    await idle.connection.join('t');
    busy.link.stall();
    await here.run(here.hub.thread('t').send('x'.repeat(600_000)));
    await here.run(here.hub.thread('t').send(1, { lane: 'volatile' }));
    expect(there.hub.stats().volatileDropped).toBe(1);
    expect(dataOf(idle.link).at(-1)).toBe(1);
  });

  it('deliver a volatile message for as long as it is worth it', async () => {
    const { here, there, clock } = twoNodes();
    const { link, connection } = there.connect();
    await connection.join('t');
    const sending = here.hub.thread('t').send(1, { lane: 'volatile', expiresInMs: 50 });
    await clock.settle();
    await sending;
    expect(dataOf(link)).toEqual([1]);
  });

  it('ignore news that they do not know', async () => {
    const clock = new VirtualClock();
    const shared = new SharedLog(memoryLog({ clock }));
    const hub = makeHarness({ clock, log: shared.node() });
    nodes = [hub];
    const { link, connection } = hub.connect();
    await connection.join('t');
    for (const note of ['', 'v', 'v\n1', 'v{"id":7}\n1', 'v[]\n1', '?{"id":"a"}\n1']) shared.node().notify?.('t', note);
    await clock.settle();
    expect(dataOf(link)).toEqual([]);
  });
});
