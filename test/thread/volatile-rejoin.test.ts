import { expect, it } from 'vitest';
import { FakeLink } from '../../src/testing/index.ts';
import { dataOf, makeHarness } from '../support/harness.ts';
import { ModelClock } from '../model/model-clock.ts';

const CROWD = 64;

it('a volatile message is given once to a client that joins again while it is offered to others', async () => {
  // each look at the clock takes a whole slice: a crowd is visited in several turns
  const clock = new ModelClock(20);
  const { hub, connect, run, close, errors } = makeHarness({ clock });
  const link = new FakeLink();
  await run(hub.accept(link.attach, { authorize: () => true }).join('t'));
  const others = Array.from({ length: CROWD }, connect);
  for (const { connection } of others) await run(connection.join('t'));
  let isUnderWay = false;
  clock.interleaved.push(() => {
    isUnderWay = dataOf(link).length === 1 && others.some((other) => dataOf(other.link).length === 0);
    link.say({ t: 'join', th: 't', from: 'start' });
  });
  const receipt = await run(hub.thread('t').send('now', { lane: 'volatile' }));
  expect(isUnderWay).toBe(true);
  for (const one of [link, ...others.map((other) => other.link)]) expect(dataOf(one)).toEqual(['now']);
  expect(receipt).toMatchObject({ recipients: CROWD + 1, written: CROWD + 1, dropped: 0 });
  expect((await run(receipt.settled())).written).toBe(CROWD + 1);
  await close();
  expect(errors).toEqual([]);
});
