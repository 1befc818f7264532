import { expect, it } from 'vitest';
import { EventReader, serveHttp } from './fixtures/http-server.ts';

/** Where a message to the user was sent: the hub joins each new connection of the user to its thread. */
async function serveUser() {
  const served = await serveHttp({ authenticate: () => ({ userId: 'ada' }) });
  await served.hub.user('ada').send('for ada alone');
  await served.hub.thread('t').send('one');
  return served;
}

it('polls and streams of a thread have no messages to the user among theirs', async () => {
  const { hub, url, errors } = await serveUser();
  const poll = await fetch(`${url}/t/poll?from=start&waitMs=0`);
  expect(poll.status).toBe(200);
  expect(await poll.json()).toMatchObject({ messages: [{ th: 't', d: 'one' }] });
  const whole = await fetch(`${url}/t/stream?offset=-1`);
  expect([whole.status, await whole.json()]).toEqual([200, ['one']]);

  const live = await EventReader.open(`${url}/t/stream?offset=-1&live=sse`);
  await live.until(({ events }) => events.length === 2);
  await hub.user('ada').send('again for ada');
  await hub.thread('t').send('two');
  await live.until(({ events }) => events.length === 4);
  expect(live.events.map(({ type, data }) => (type === 'data' ? data : type))).toEqual([
    '["one"]',
    'control',
    '["two"]',
    'control',
  ]);
  expect(errors).toEqual([]);
});

it('a message to the user is not counted as written to a poll, which leaves it out', async () => {
  const { hub, url, connections } = await serveUser();
  const waiting = fetch(`${url}/t/poll?waitMs=5000`);
  await expect.poll(() => connections.length).toBe(1);
  const receipt = await hub.user('ada').send('while ada polls');
  expect(receipt.recipients).toBe(0);
  await hub.thread('t').send('the end');
  expect(await (await waiting).json()).toMatchObject({ messages: [{ d: 'the end' }] });
});

it('an event stream is answered only when its own thread is joined', async () => {
  const { hub, url } = await serveHttp({ authenticate: () => ({ userId: 'ada' }) }, {}, undefined, {
    authorize: async (_session, threadId) => Promise.resolve(threadId !== 'secret'),
  });
  await hub.user('ada').send('for ada alone');
  expect((await fetch(`${url}/secret/events`)).status).toBe(403);
  expect((await fetch(`${url}/secret/events?inbox=`)).status).toBe(403);
});
