import { createHash } from 'node:crypto';
import { afterEach, expect, it } from 'vitest';
import { memoryLog, type AcceptOptions, type HubOptions } from '../../src/index.ts';
import { FakeLink } from '../../src/testing/index.ts';
import { dataOf, framesOf, makeHarness, type Harness } from '../support/harness.ts';
import { SharedLog } from '../support/shared-log.ts';

let harness: Harness;

afterEach(async () => {
  await harness.close();
  expect(harness.errors).toEqual([]);
});

function start(options?: HubOptions) {
  harness = makeHarness(options);
  const asked: string[] = [];
  const accept = (options: AcceptOptions = {}) => {
    const link = new FakeLink();
    const authorize = (threadId: string): boolean => asked.push(threadId) > 0;
    return { link, connection: harness.hub.accept(link.attach, { authorize, ...options }) };
  };
  return { ...harness, accept, asked };
}

const OWN = ['~user:ada', '~user:eve', '~connection:1', '~', '~made-up'];
const code = 'TC_INVALID_THREAD_ID';

it.each(OWN)('nobody can name %s from outside', async (th) => {
  const { hub, clock, accept, asked, run } = start();
  const { link, connection } = accept({ userId: 'eve', onPublish: () => true });
  expect(() => hub.thread(th)).toThrow(expect.objectContaining({ code }));
  await expect(run(connection.join(th))).rejects.toMatchObject({ code });
  expect(() => connection.leave(th)).toThrow(expect.objectContaining({ code }));
  link.say({ t: 'join', th, ref: 1 });
  link.say({ t: 'join', th, from: 'start', parts: true });
  link.say({ t: 'pub', th, id: 'a', d: 1 });
  link.say({ t: 'cancel', th, s: 'x' });
  link.say({ t: 'leave', th });
  await clock.settle();
  expect(framesOf(link, 'err')).toEqual([
    { t: 'err', code, th, ref: 1 },
    { t: 'err', code, th },
    { t: 'err', code, th, id: 'a' },
    { t: 'err', code, th },
    { t: 'err', code, th },
  ]);
  expect(connection.threads).toEqual([]);
  expect(asked).toEqual([]);
});

it('a client cannot leave, publish in, or cancel in its own user’s thread, and what is sent there still comes', async () => {
  const { hub, clock, accept, run } = start();
  const { link, connection } = accept({ userId: 'ada', onPublish: () => true });
  await run(hub.user('ada').send(1));
  await run(connection.send('to you'));
  expect(connection.threads).toEqual(['~user:ada', `~connection:${connection.id}`]);
  for (const th of connection.threads) {
    for (const frame of [{ t: 'leave' }, { t: 'cancel', s: 'x' }, { t: 'pub', id: 'a', d: 1 }])
      link.say({ ...frame, th });
  }
  await clock.settle();
  expect(framesOf(link, 'err')).toHaveLength(6);
  await run(hub.user('ada').send(2));
  expect(dataOf(link)).toEqual([1, 'to you', 2]);
  // what it has received it may say
  link.say({ t: 'ack', th: '~user:ada', o: 2 });
  await clock.settle();
  expect(framesOf(link, 'err')).toHaveLength(6);
});

it.each(['user:ada', 'connection:1'])('%s is a thread like any other, which authorize is asked about', async (th) => {
  const { hub, clock, accept, asked, run } = start();
  const ada = accept({ userId: 'ada' });
  const eve = accept({ userId: 'eve' });
  await run(ada.connection.join(th));
  eve.link.say({ t: 'join', th });
  await clock.settle();
  expect(asked).toEqual([th]);
  await run(hub.user('ada').send('secret'));
  expect(dataOf(eve.link)).toEqual([]);
});

it('a user who is called like the hash of another one gets nothing of that one', async () => {
  const { hub, accept, run } = start();
  const victim = `${'ada'.repeat(100)}@example.org`;
  const hash = (encoding: 'utf8' | 'utf16le'): string =>
    createHash('sha256').update(victim, encoding).digest('base64url');
  const names = [hash('utf8'), hash('utf16le'), `#${hash('utf16le')}`, `user#${hash('utf16le')}`];
  const eves = names.map((userId) => accept({ userId }));
  const ada = accept({ userId: victim });
  for (const userId of names) await run(hub.user(userId).send('to eve'));
  await run(hub.user(victim).send('secret'));
  expect(dataOf(ada.link)).toEqual(['secret']);
  for (const { link } of eves) expect(dataOf(link)).toEqual(['to eve']);
});

it('inbox resumes what was sent to the user while away, from whichever node', async () => {
  const shared = new SharedLog(memoryLog());
  const { hub, clock, accept, asked, run } = start({ log: shared.node() });
  const { link } = accept({ userId: 'ada@example.org' });
  link.say({ t: 'inbox', ref: 1 });
  await clock.settle();
  const [{ th, pos } = {}] = framesOf(link, 'joined').filter(({ ref }) => ref === 1);
  expect(th).toBe('~user:ada@example.org');
  link.hangUp();
  await run(hub.user('ada@example.org').send('meanwhile'));
  const back = accept({ userId: 'ada@example.org' });
  back.link.say({ t: 'inbox', from: pos, ref: 2 });
  await clock.settle();
  expect(framesOf(back.link, 'joined').at(-1)).toMatchObject({ th, pos, ref: 2, recovered: 1 });
  expect(dataOf(back.link)).toEqual(['meanwhile']);
  await run(hub.user('ada@example.org').send('now'));
  expect(dataOf(back.link)).toEqual(['meanwhile', 'now']);
  expect(asked).toEqual([]);
});

it('inbox without a user is forbidden, and one without a position that is one is answered', async () => {
  const { clock, accept } = start();
  const nobody = accept();
  nobody.link.say({ t: 'inbox', ref: 7 });
  const ada = accept({ userId: 'ada' });
  ada.link.say({ t: 'inbox', from: 'nowhere', ref: 8 });
  const broken = accept({ userId: 'ada' });
  broken.link.say({ t: 'inbox', from: 3 });
  await clock.settle();
  expect(framesOf(nobody.link, 'err')).toEqual([{ t: 'err', code: 'forbidden', ref: 7 }]);
  expect(framesOf(ada.link, 'err')).toEqual([{ t: 'err', code: 'TC_INVALID_POSITION', ref: 8 }]);
  expect(broken.link.closeCode).toBe(4400);
});

it.each(['room/1', 'org#1', 'ada@example.org', '部屋', '}{', ' ', 'a b'])(
  'the thread %j works end to end',
  async (id) => {
    const { hub, clock, accept, run } = start({ log: new SharedLog(memoryLog()).node() });
    const { link, connection } = accept();
    link.say({ t: 'join', th: id });
    await clock.settle();
    const receipt = await run(hub.thread(id).send(1));
    const stream = hub.thread(id).stream({ id: 's' });
    stream.append('text');
    await run(stream.end());
    expect(framesOf(link, 'msg')).toMatchObject([
      { th: id, d: 1 },
      { th: id, id: 's' },
    ]);
    expect(connection.threads).toEqual([id]);
    const back = accept();
    back.link.say({ t: 'join', th: id, from: receipt.position });
    await clock.settle();
    expect(framesOf(back.link, 'msg')).toMatchObject([{ th: id, id: 's' }]);
    expect((await run(hub.thread(id).history())).messages).toHaveLength(2);
  },
);
