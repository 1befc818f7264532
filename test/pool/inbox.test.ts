import { expect, it } from 'vitest';
import type { Message } from '../../src/client/index.ts';
import { joined, LISTS, msg } from '../client/fake-network.ts';
import { fakePool } from './fake-pool.ts';

const byServer = (th: string, pos: string) => ({ ...joined(th, pos), ref: undefined });

it('a message to the user comes once, whatever the number of connections, and those to each connection come', () => {
  const { pool, sockets, socket } = fakePool({ size: 3 });
  const ids: string[] = [];
  pool.inbox.on('message', ({ id }) => ids.push(id));
  sockets.forEach((each, i) =>
    each.open(LISTS).say(byServer('~user:ada', 'e.4.'), byServer(`~connection:c${i}`, 'e.0.')),
  );
  for (const each of sockets) each.say(msg('~user:ada', 5, { id: 'u5' }));
  for (const i of [2, 0, 1]) socket(i).say(msg(`~connection:c${i}`, 1, { id: `c${i}` }));
  expect(ids).toEqual(['u5', 'c2', 'c0', 'c1']);
  expect(pool.inbox.position).toBe('e.5.u5');
});

it('when the connection of the user is lost, they go on over another one from their position', async () => {
  const { pool, clock, sockets, socket, errors } = fakePool({ size: 2 });
  for (const each of sockets) each.open(LISTS).say(byServer('~user:ada', 'e.4.'));
  // a reader that comes late gets what has come
  socket(0).say(msg('~user:ada', 5));
  const taken: Message[] = [];
  const reading = (async () => {
    for await (const message of pool.inbox) taken.push(message);
    return 'ended';
  })();
  socket(0).lose();
  socket(1).say(msg('~user:ada', 6));
  await clock.settle();
  const resumed = socket(1).sentOf('inbox');
  expect(resumed).toEqual([{ t: 'inbox', from: 'e.5.m5', parts: true }]);
  socket(1).say({ ...joined('~user:ada', 'e.5.m5', 1), ref: socket(1).refs[0] }, msg('~user:ada', 6));
  // the one that comes back hears the same, and is not listened to
  await clock.advance(1_000);
  socket(2).open(LISTS).say(byServer('~user:ada', 'e.6.m6'), msg('~user:ada', 7));
  socket(1).say(msg('~user:ada', 7));
  await clock.settle();
  expect(taken.map(({ id }) => id)).toEqual(['m5', 'm6', 'm7']);
  pool.close();
  expect(await reading).toBe('ended');
  expect(errors).toEqual([]);
});

it('while there is no connection nothing is lost, also before the first message', async () => {
  const { pool, clock, socket } = fakePool({ size: 1 });
  const ids: string[] = [];
  pool.inbox.on('message', ({ id }) => ids.push(id));
  socket(0).open(LISTS);
  await clock.settle();
  expect(socket(0).sentOf('inbox')).toHaveLength(1);
  socket(0).say({ ...joined('~user:ada', 'e.4.'), ref: socket(0).refs[0] });
  socket(0).lose();
  await clock.advance(1_000);
  socket(1).open(LISTS);
  await clock.settle();
  expect(socket(1).sentOf('inbox')).toEqual([{ t: 'inbox', from: 'e.4.', parts: true }]);
  socket(1).say({ ...joined('~user:ada', 'e.4.', 1), ref: socket(1).refs[0] }, msg('~user:ada', 5));
  expect(ids).toEqual(['m5']);
});

it('goes on from the position of an earlier process; a pool without a user, or at an old hub, has an empty inbox', async () => {
  const resumed = fakePool({ size: 1, inbox: { from: 'e.2.m2' } });
  resumed.socket(0).open(LISTS);
  await resumed.clock.settle();
  expect(resumed.socket(0).sentOf('inbox')).toMatchObject([{ from: 'e.2.m2' }]);
  resumed.socket(0).say({ t: 'err', code: 'forbidden', ref: resumed.socket(0).refs[0] });
  expect(resumed.errors).toEqual([]);
  const old = fakePool({ size: 1, inbox: { from: 'e.2.m2' } });
  old.socket(0).open();
  await old.clock.settle();
  expect(old.socket(0).sent).toEqual([]);
  expect(() => fakePool({ inbox: { from: 'nonsense' } })).toThrow(
    expect.objectContaining({ code: 'TC_INVALID_OPTION' }),
  );
});
