import { afterEach, describe, expect, it } from 'vitest';
import { memoryLog } from '../../src/index.ts';
import { parsePosition } from '../../src/infra/log/ids.ts';
import { FakeLink } from '../../src/testing/index.ts';
import { dataOf, framesOf, makeHarness, type Harness } from '../support/harness.ts';

let harness: Harness;

afterEach(() => harness.close());

/** An id maker of an application's, in every alphabet that is documented. */
const alphabet = (format: (n: number) => string) => {
  let n = 0;
  return (): string => format(++n);
};

it.each([
  ['dots', (n: number) => `node.1.${n}`],
  ['colons', (n: number) => `urn:id:${n}`],
  ['a dot at each end', (n: number) => `.${n}.`],
  ['hyphens and underscores', (n: number) => `_-${n}-_`],
  ['128 characters', (n: number) => `${n}`.padStart(128, '.')],
])('a client resumes where newId makes ids with %s', async (_, format) => {
  harness = makeHarness({ newId: alphabet(format) });
  const { hub, clock, run, connect } = harness;
  const { link, connection } = connect();
  await run(connection.join('t'));
  const receipt = await run(hub.thread('t').send(1));
  link.hangUp();
  await run(hub.thread('t').send(2));
  const back = new FakeLink();
  hub.accept(back.attach, { authorize: () => true });
  back.say({ t: 'join', th: 't', from: receipt.position });
  await clock.settle();
  expect(framesOf(back, 'gap')).toEqual([]);
  expect(dataOf(back)).toEqual([2]);
  expect(parsePosition(receipt.position)).toMatchObject({ offset: 1, id: receipt.id });
  expect(harness.errors).toEqual([]);
});

it('the same newId in two lives of a hub does not make one life of their logs', async () => {
  const epochs: string[] = [];
  for (let life = 0; life < 2; life++) {
    harness = makeHarness({ newId: alphabet((n) => `id-${n}`) });
    epochs.push(parsePosition(await harness.hub.thread('t').position()).epoch);
    await harness.close();
  }
  expect(epochs[0]).not.toBe(epochs[1]);
});

describe.each([
  ['a text with a space', 'no id'],
  ['nothing', ''],
  ['too long a text', 'x'.repeat(129)],
  ['a number', 7],
  ['a promise', Promise.resolve('id')],
])('a newId that answers with %s', (_, answer) => {
  it('fails the call that needed it, with a code, and nothing else', async () => {
    const broken: object = { newId: () => answer };
    harness = makeHarness(broken);
    const { hub, run, errors } = harness;
    const failure = expect.objectContaining({ code: 'TC_INVALID_OPTION', option: 'newId()' });
    expect(() => hub.accept(new FakeLink().attach)).toThrow(failure);
    expect(() => hub.thread('t').stream()).toThrow(failure);
    await expect(run(hub.thread('t').send(1))).rejects.toEqual(failure);
    expect((await run(hub.thread('t').send(1, { idempotencyKey: 'mine' }))).id).toBe('mine');
    expect(hub.stats().connections.total).toBe(0);
    expect(errors).toEqual([]);
  });
});

it.each(['a.b', '', 'x'.repeat(65), 'a b'])('a log refuses to be called %j', (epoch) => {
  harness = makeHarness();
  expect(() => memoryLog({ newEpoch: () => epoch })).toThrow(
    expect.objectContaining({ code: 'TC_INVALID_OPTION', option: 'log.newEpoch()' }),
  );
});
