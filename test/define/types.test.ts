import { createServer } from 'node:http';
import { type } from 'arktype';
import * as v from 'valibot';
import { afterAll, expect, expectTypeOf, it } from 'vitest';
import { z } from 'zod';
import {
  connect,
  type ClientThread,
  type Message,
  type Published,
  type WebSocketLike,
} from '../../src/client/index.ts';
import { defineThread, type Codec, type ThreadId } from '../../src/define/index.ts';
import { httpHandler } from '../../src/http/index.ts';
import { isOwnPresence } from '../../src/presence/index.ts';
import { createPool } from '../../src/pool/index.ts';
import { serveHub } from '../../src/use/express.ts';
import { answer, createHub, preencoded, refuse, type Hub, type Thread } from '../../src/index.ts';

// What the compiler says is the test: `tsc -p test/define`. Nothing here runs but the making of hub and client.

interface Chunk {
  readonly n: number;
}

const counting: Codec<Chunk, { total: number }> = {
  name: 'count',
  fold: (a, b) => ({ n: a.n + b.n }),
  sizeOf: () => 8,
  end: (chunks) => ({ total: chunks.reduce((sum, { n }) => sum + n, 0) }),
};

const room = defineThread('room:*', { message: z.object({ text: z.string(), likes: z.number().default(0) }) });
const order = defineThread('order:*', {
  message: v.object({ status: v.picklist(['open', 'paid']) }),
  publish: v.object({ amount: v.pipe(v.string(), v.transform(Number)) }),
});
const list = defineThread('list:*', { message: type({ items: 'string[]' }), streams: { count: counting } });
const board = defineThread('board:*', { message: z.string(), values: { topic: z.string(), seen: z.number() } });

const hub = createHub({ threads: [room, order, list, board] });
const counted = defineThread('counted:*', { message: z.unknown(), answer: z.object({ number: z.number() }) });
const answering = createHub({ threads: [counted] });
class NoSocket implements WebSocketLike {
  readonly readyState = 0;
  send(): void {}
  close(): void {}
  addEventListener(): void {}
}
const client = connect('ws://127.0.0.1:9', { WebSocket: NoSocket });
const pool = createPool({ url: 'ws://127.0.0.1:9', WebSocket: NoSocket });
afterAll(async () => {
  client.close();
  pool.close();
  await Promise.all([hub.close(), answering.close()]);
});

/** Compiled, not run. */
const compiled = (call: () => unknown): void => expect(call).toBeTypeOf('function');

it('an id has the types of its definition', () => {
  expectTypeOf(room('42')).toExtend<string>();
  expectTypeOf(room('42')).toExtend<ThreadId>();
  expectTypeOf(room.pattern).toEqualTypeOf<'room:*'>();
  // @ts-expect-error: an id of another definition
  compiled((): ReturnType<typeof room> => order('1'));
  // @ts-expect-error: any text is no id
  compiled((): ReturnType<typeof room> => 'room:42');
  // @ts-expect-error: a pattern ends with its *
  compiled(() => defineThread('room', { message: z.string() }));
  // @ts-expect-error: a definition has a message
  compiled(() => defineThread('room:*', { publish: z.string() }));
  // @ts-expect-error: that is no schema
  compiled(() => defineThread('room:*', { message: { text: 'string' } }));
});

it('send takes what the definition says, and history gives it', () => {
  const thread = hub.thread(room('42'));
  compiled(() => thread.send({ text: 'hi', likes: 1 }));
  compiled(() => thread.send(preencoded(Buffer.from('{}'))));
  // @ts-expect-error: text is missing
  compiled(() => thread.send({ likes: 1 }));
  // @ts-expect-error: of another type
  compiled(() => thread.send({ text: 1, likes: 1 }));
  // @ts-expect-error: a word too many
  compiled(() => hub.thread(order('1')).send({ status: 'lost' }));
  compiled(async () => {
    for (const { data } of (await thread.history()).messages)
      expectTypeOf(data).toEqualTypeOf<{ text: string; likes: number } | undefined>();
  });
  expectTypeOf(hub.thread('room:42')).toEqualTypeOf<Thread>();
  compiled(() => hub.thread('anything').send({ whatever: 1 }));
  expectTypeOf(thread).toExtend<Thread>();
});

it('a thread of the client gives what the definition says', () => {
  const thread = client.join(room('42'));
  expectTypeOf(thread).toExtend<ClientThread>();
  thread.on('message', ({ data }) => expectTypeOf(data).toEqualTypeOf<{ text: string; likes: number }>());
  compiled(async () => {
    for await (const { data } of thread) expectTypeOf(data.text).toEqualTypeOf<string>();
  });
  client.join('plain').on('message', ({ data }) => expectTypeOf(data).toEqualTypeOf<unknown>());
  expectTypeOf(client.join('plain')).toEqualTypeOf<ClientThread>();
});

it('publish takes what the schema takes', () => {
  expect(client.state).toBe('connecting');
  compiled(() => client.publish(room('42'), { text: 'hi' }));
  compiled(() => client.publish(order('1'), { amount: '7' }));
  compiled(() => client.publish('plain', 7));
  // @ts-expect-error: of another type
  compiled(() => client.publish(room('42'), { text: 1 }));
  // @ts-expect-error: what the server sends is not what clients publish
  compiled(() => client.publish(order('1'), { status: 'paid' }));
});

it('what a stream ends as is a message, too', () => {
  client
    .join(list('1'))
    .on('message', ({ data }) => expectTypeOf(data).toEqualTypeOf<{ items: string[] } | { total: number }>());
  client
    .join(list('1'))
    .on('stream', ({ done }) =>
      expectTypeOf(done).resolves.toEqualTypeOf<Message<{ items: string[] } | { total: number }> | undefined>(),
    );
  compiled(() => hub.thread(room('1')).stream().end({ likes: 1 }));
  // @ts-expect-error: a field of the message is missing
  compiled(() => hub.thread(room('1')).stream().end());
  // @ts-expect-error: its messages have no text
  compiled(() => hub.thread(list('1')).stream().end());
  compiled(() => hub.thread('plain').stream().end());
  compiled(() => hub.thread('plain').stream().end({ any: 1 }));
});

it('onPublish gets what the schema gives, and the session that authenticate has found', () => {
  const server = createServer();
  const detach = hub.attach(server, {
    authenticate: async ({ headers }) => {
      if (headers.host === undefined) return refuse(429);
      if (headers.host === '') return false;
      return { userId: 'ada', data: { role: 'admin' } };
    },
    authorize(session, threadId) {
      expectTypeOf(session.data.role).toEqualTypeOf<string>();
      return room.matches(threadId) && room.restOf(threadId) !== session.userId;
    },
    onPublish(session, message, connection) {
      expectTypeOf(session).toEqualTypeOf<{ userId: string; data: { role: string } }>();
      expectTypeOf(connection.data).toEqualTypeOf<{ role: string }>();
      // @ts-expect-error: a thread without a definition may be meant
      compiled(() => message.data.text);
      switch (message.pattern) {
        case 'room:*':
          expectTypeOf(message.data).toEqualTypeOf<{ text: string; likes: number }>();
          return hub.thread(message.threadId).send(message.data);
        case 'order:*':
          expectTypeOf(message.data).toEqualTypeOf<{ amount: number }>();
          // @ts-expect-error: what clients publish is not what is sent
          return hub.thread(message.threadId).send(message.data);
        case undefined:
          expectTypeOf(message.data).toEqualTypeOf<unknown>();
          break;
        case 'list:*':
        case 'board:*':
      }
      return false;
    },
  });
  detach();
  expect(server.listenerCount('upgrade')).toBe(0);
});

it('onValue gets each value with the type of its key', () => {
  const server = createServer();
  const detach = hub.attach(server, {
    authenticate: () => ({ userId: 'ada' }),
    onValue({ userId }, change) {
      // @ts-expect-error: a thread without a definition may be meant
      compiled(() => change.value?.length);
      if (change.pattern !== 'board:*') {
        expectTypeOf(change.value).toEqualTypeOf<unknown>();
        return isOwnPresence(userId, change);
      }
      if (change.key === 'topic') {
        expectTypeOf(change.value).toEqualTypeOf<string | undefined>();
        return change.value !== '';
      }
      if (change.key === 'seen') expectTypeOf(change.value).toEqualTypeOf<number | undefined>();
      // @ts-expect-error: no such key
      compiled(() => change.key === 'colour');
      return board.restOf(change.threadId) === userId;
    },
  });
  detach();
  compiled(() => httpHandler(hub, { onValue: (_, { key, value }) => key !== 'topic' || value !== '' }));
  compiled(() => createHub().attach(server, { onValue: (_, { key }) => key === 'cursor' }));
  expect(server.listenerCount('upgrade')).toBe(0);
});

it('hubs with definitions and without are hubs', () => {
  expectTypeOf(hub).toExtend<Hub>();
  const plain = createHub();
  compiled(() =>
    plain.attach(createServer(), {
      authenticate: () => ({ userId: 'ada' }),
      onPublish: ({ userId }, { threadId, id, data }) => {
        expectTypeOf(data).toEqualTypeOf<unknown>();
        return plain.thread(threadId).send({ userId, data }, { idempotencyKey: id });
      },
    }),
  );
  void plain.close();
});

it('states, strategies and reasons are known words', () => {
  expectTypeOf(hub.state).toEqualTypeOf<'starting' | 'running' | 'draining' | 'stopped'>();
  // @ts-expect-error: no state of a thread
  compiled(() => hub.thread('t').stats.state === 'asleep');
  // @ts-expect-error: no strategy
  compiled(async () => (await hub.thread('t').send(1)).strategy === 'fast');
  compiled(() =>
    hub.on('transition', ({ machine }) =>
      expectTypeOf(machine).toEqualTypeOf<'hub' | 'connection' | 'thread' | 'serializer'>(),
    ),
  );
  compiled(() => client.join('t').on('gap', ({ why }) => why === 'trimmed' || why === 'a word of later servers'));
});

it('data of `answer` is that of the definitions, where each has an `answer`', () => {
  const detach = [
    answering.attach(createServer(), { onPublish: () => answer({ number: 1 }) }),
    // @ts-expect-error the number is a text
    answering.attach(createServer(), { onPublish: () => answer({ number: 'one' }) }),
    // @ts-expect-error likewise, asynchronous
    answering.attach(createServer(), { onPublish: async () => answer('one') }),
    answering.attach(createServer(), { onPublish: () => undefined }),
    hub.attach(createServer(), { onPublish: () => answer('anything') }),
    createHub().attach(createServer(), { onPublish: () => answer('anything') }),
  ];
  for (const end of detach) end();
  expect(detach).toHaveLength(6);
  compiled(async () => {
    expectTypeOf((await client.publish(counted('1'), 'any')).data).toEqualTypeOf<{ number: number }>();
    expectTypeOf((await client.publish('plain', 'any')).data).toEqualTypeOf<unknown>();
    expectTypeOf(await client.publish(counted('1'), 'any', { volatile: true })).toEqualTypeOf<
      Published<{ number: number }> | undefined
    >();
  });
});

it('the HTTP door and the adapters take and give the same', () => {
  const authenticate = (): { userId: string; data: { role: string } } => ({ userId: 'ada', data: { role: 'admin' } });
  const doors = [
    httpHandler(answering, { onPublish: () => answer({ number: 1 }) }),
    // @ts-expect-error the number is a text
    httpHandler(answering, { onPublish: () => answer({ number: 'one' }) }),
    // @ts-expect-error likewise, asynchronous
    httpHandler(answering, { onPublish: async () => answer('one') }),
    httpHandler(hub, {
      authenticate,
      onPublish({ userId, data }, message, connection) {
        expectTypeOf(userId).toEqualTypeOf<string>();
        expectTypeOf(data.role).toEqualTypeOf<string>();
        expectTypeOf(connection.data).toEqualTypeOf<{ role: string }>();
        if (message.pattern === 'order:*') expectTypeOf(message.data).toEqualTypeOf<{ amount: number }>();
        return answer('anything');
      },
    }),
  ];
  expect(doors).toHaveLength(4);
  const app = (): void => {};
  compiled(() => serveHub(answering, app, { authenticate, onPublish: () => answer({ number: 1 }) }));
  // @ts-expect-error the number is a text
  compiled(() => serveHub(answering, app, { authenticate, onPublish: () => answer({ number: 'one' }) }));
  compiled(() =>
    serveHub(hub, app, {
      authenticate,
      onPublish({ data }, message) {
        expectTypeOf(data.role).toEqualTypeOf<string>();
        return message.pattern === 'room:*' ? hub.thread(message.threadId).send(message.data) : false;
      },
    }),
  );
});

it('values have the keys and types of the definition, on both ends', () => {
  const { values } = hub.thread(board('1'));
  const view = client.join(board('1')).values;
  compiled(async () => {
    await values.set('topic', 'Lunch');
    // @ts-expect-error: a topic is a text
    await values.set('topic', 7);
    // @ts-expect-error: no such key
    await values.set('subject', 'Lunch');
    expectTypeOf(await values.get('seen')).toEqualTypeOf<number | undefined>();
    expectTypeOf(await values.entries()).toEqualTypeOf<readonly (readonly [string, string | number])[]>();
    await view?.set('seen', 7);
    // @ts-expect-error: not a number
    await view?.set('seen', 'today');
    // @ts-expect-error: no such key
    await view?.delete('subject');
    expectTypeOf(await hub.thread('plain').values.get('any')).toEqualTypeOf<unknown>();
  });
  expectTypeOf(view?.get('topic')).toEqualTypeOf<string | undefined>();
  expectTypeOf(client.join('plain').values?.get('any')).toEqualTypeOf<unknown>();
});

it('older messages, edits, groups and streams of chunks are those of the definition', () => {
  const thread = client.join(room('42'));
  compiled(async () => {
    for (const { data } of (await thread.loadOlder()).messages)
      expectTypeOf(data).toEqualTypeOf<{ text: string; likes: number } | undefined>();
  });
  thread.on('replaced', ({ data }) => expectTypeOf(data).toEqualTypeOf<{ text: string; likes: number }>());
  compiled(() => hub.to([room('1'), room('2')]).send({ text: 'hi', likes: 1 }));
  // @ts-expect-error: likes are missing
  compiled(() => hub.to([room('1'), room('2')]).send({ text: 'hi' }));
  compiled(() => hub.thread(list('1')).stream({ codec: counting }).write({ n: 1 }));
  // @ts-expect-error: no chunk of this codec
  compiled(() => hub.thread(list('1')).stream({ codec: counting }).write('one'));
});

it('threads of a pool have the types of their definitions', () => {
  const thread = pool.join(room('42'));
  thread.on('message', ({ data }) => expectTypeOf(data).toEqualTypeOf<{ text: string; likes: number }>());
  expectTypeOf(thread).toEqualTypeOf(client.join(room('42')));
  expectTypeOf(pool.join('plain')).toEqualTypeOf<ClientThread>();
  compiled(() => pool.publish(room('42'), { text: 'hi' }));
  compiled(() => pool.publish('plain', Uint8Array.of(1)));
  // @ts-expect-error a number is no text
  compiled(() => pool.publish(room('42'), { text: 1 }));
  // @ts-expect-error an order is published with its amount
  compiled(() => pool.publish(order('1'), { status: 'paid' }));
  compiled(async () => {
    expectTypeOf((await pool.publish(counted('1'), 'any')).data).toEqualTypeOf<{ number: number }>();
    expectTypeOf(await pool.publish(counted('1'), 'any', { volatile: true })).toEqualTypeOf<
      Published<{ number: number }> | undefined
    >();
  });
});
