import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { afterAll, beforeAll, expect, it, onTestFinished } from 'vitest';
import { draft, hold, until } from '../support/redis-nodes.ts';
import { startLog } from '../support/postgres-nodes.ts';
import { PostgresServer } from '../support/postgres-server.ts';

let server: PostgresServer;
let schema: string;

beforeAll(async () => {
  server = await PostgresServer.start();
  schema = await server.schema();
});
afterAll(() => server.stop());

/** A line to the server that the test closes, and that holds back a node's statements with some words. */
async function startGate() {
  const sockets = new Set<Socket>();
  const waiting: (() => void)[] = [];
  const heard: Buffer[] = [];
  let [isClosed, words] = [false, ''];
  const gate = createServer((client) => {
    const upstream = connect(server.port, '127.0.0.1');
    for (const socket of [client, upstream]) sockets.add(socket.on('error', () => {}));
    if (isClosed) for (const socket of [client, upstream]) socket.destroy();
    client.on('close', () => upstream.destroy());
    upstream.on('close', () => client.destroy());
    client.on('data', (data: Buffer) => {
      if (words !== '' && data.includes(words)) waiting.push(() => upstream.write(data));
      else upstream.write(data);
    });
    upstream.on('data', (data: Buffer) => {
      heard.push(data);
      client.write(data);
    });
  });
  gate.listen(0, '127.0.0.1');
  await once(gate, 'listening');
  onTestFinished(() => {
    gate.close();
    for (const socket of sockets) socket.destroy();
  });
  const address = gate.address();
  return {
    port: typeof address === 'object' && address !== null ? address.port : 0,
    waiting,
    close() {
      isClosed = true;
      for (const socket of sockets) socket.destroy();
    },
    open(holdBack: string) {
      [isClosed, words] = [false, holdBack];
      heard.length = 0;
    },
    release() {
      words = '';
      for (const pass of waiting.splice(0)) pass();
    },
    has: (text: string) => Buffer.concat(heard).includes(text),
  };
}

it('a node that was away places nothing of what comes before it has compared its threads, and then all of it', async () => {
  const gate = await startGate();
  const away = startLog({ url: server.urlAt(gate.port), schema, commandTimeoutMs: 20_000 });
  const author = startLog({ url: server.url, schema });
  const [lost, same] = [await hold(away, 'lost'), await hold(away, 'same')];
  for (const id of ['a', 'b', 'c']) await author.append(draft(id, { threadId: 'lost' }));
  await author.append(draft('a', { threadId: 'same' }));
  await until(() => lost.entries.length === 3 && same.entries.length === 1);
  gate.close();
  // as a replica that never had `c`, and is the primary now
  await server.query(
    `DELETE FROM ${schema}.entries WHERE id = 'c' AND log = (SELECT log FROM ${schema}.threads WHERE thread = 'lost')`,
  );
  await server.query(`UPDATE ${schema}.threads SET head = 2, head_id = 'b' WHERE thread = 'lost'`);
  await author.append(draft('x', { threadId: 'lost' }));
  // the node listens again, and its comparison is on its way when notices come
  gate.open('WHERE thread = ANY');
  await until(() => gate.waiting.length > 0);
  await author.append(draft('c', { threadId: 'lost' }));
  await author.append(draft('b', { threadId: 'same' }));
  await until(() => gate.has('["same"'));
  // what its author has sent again follows the lost one by its number alone
  gate.release();
  await until(() => lost.entries.length === 5 && same.entries.length === 2);
  expect(lost.entries.map(({ id }) => id)).toEqual(['a', 'b', 'c', 'x', 'c']);
  expect(lost.resets).toEqual([{ why: 'fork', after: 2 }]);
  expect(same.entries.map(({ id }) => id)).toEqual(['a', 'b']);
  expect(same.resets).toEqual([]);
});

it('a server that was started anew, with another entry between those that a node holds, is a fork there', async () => {
  const gate = await startGate();
  const node = startLog({ url: server.urlAt(gate.port), schema });
  const { entries, resets } = await hold(node, 'between');
  for (const id of ['a', 'b', 'c']) await node.append(draft(id, { threadId: 'between' }));
  await until(() => entries.length === 3);
  gate.close();
  await server.kill();
  await server.start();
  // as a replica that never had `b` and `c`, and was given `x`, and `c` again
  await server.query(
    `UPDATE ${schema}.entries SET id = 'x' WHERE id = 'b' AND log = (SELECT log FROM ${schema}.threads WHERE thread = 'between')`,
  );
  gate.open('');
  await until(() => entries.length === 5);
  expect(entries.map(({ id }) => id)).toEqual(['a', 'b', 'c', 'x', 'c']);
  expect(resets).toEqual([{ why: 'fork', after: 1 }]);
});
