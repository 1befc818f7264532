import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { afterAll, beforeAll, expect, it, onTestFinished } from 'vitest';
import { startLog } from '../support/postgres-nodes.ts';
import { PostgresServer } from '../support/postgres-server.ts';
import { createHub } from '../../src/index.ts';

let server: PostgresServer;
let schema: string;

beforeAll(async () => {
  server = await PostgresServer.start();
  schema = await server.schema();
});
afterAll(() => server.stop());

/** A line to the server, which keeps all that a node says. */
async function startTap() {
  const heard: Buffer[] = [];
  const sockets = new Set<Socket>();
  const tap = createServer((client) => {
    const upstream = connect(server.port, '127.0.0.1');
    for (const socket of [client, upstream]) sockets.add(socket.on('error', () => {}));
    client.on('data', (data: Buffer) => void heard.push(data));
    client.pipe(upstream).pipe(client);
  });
  tap.listen(0, '127.0.0.1');
  await once(tap, 'listening');
  onTestFinished(() => {
    tap.close();
    for (const socket of sockets) socket.destroy();
  });
  const address = tap.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  return { port, times: (words: string) => Buffer.concat(heard).toString('latin1').split(words).length - 1 };
}

// twice: for each of the two connections of the pool; and again where one was given up on a busy machine
it.each([
  [true, 1, 10],
  [false, 20, Infinity],
])(
  'with preparedStatements %s, 20 sends one after the other parse the append %i to %d times',
  async (is, least, most) => {
    const tap = await startTap();
    const options = { url: server.urlAt(tap.port), schema, poolSize: 2, preparedStatements: is };
    const hub = createHub({ log: startLog(options) });
    onTestFinished(() => hub.close());
    const thread = hub.thread(`t ${is}`);
    for (let n = 0; n < 20; n++) await thread.send(n);
    const parsed = tap.times(`FROM ${schema}.append(`);
    expect(parsed).toBeGreaterThanOrEqual(least);
    expect(parsed).toBeLessThanOrEqual(most);
    const { messages } = await thread.history();
    expect(messages.map(({ data }) => data)).toEqual(Array.from({ length: 20 }, (_, n) => n));
  },
);

it('refuses a setting that is none', () => {
  expect(() => startLog({ preparedStatements: Object('yes') })).toThrow(
    expect.objectContaining({ code: 'TC_INVALID_OPTION' }),
  );
});
