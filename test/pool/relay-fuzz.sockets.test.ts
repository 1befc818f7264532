import { once } from 'node:events';
import { createServer } from 'node:http';
import { expect, it, onTestFinished } from 'vitest';
import { WebSocket, WebSocketServer } from 'ws';
import { createHub, memoryLog, type Hub } from '../../src/index.ts';
import { bytesOfMessage, decodeRecords, encodeRecord } from '../../src/infra/log/relay/frames.ts';
import { attachRelay, createPool, relayLog } from '../../src/pool/index.ts';
import { FakeLink } from '../../src/testing/index.ts';
import { mulberry32 } from '../support/random.ts';
import { trials } from '../support/tier.ts';

const { numRuns, seed } = trials(30);

/** Requests of nodes, and what a relay tells. */
const NAMES = (
  'node append sub unsub anchor entries readAfter readBefore position note erase alive in out list count elsewhere ' +
  'claim answer release set del vals end sweep watch unwatch hello entry reset hb __proto__ constructor'
).split(' ');
const FIELDS =
  'th id h e o n m l most draft limits key known from to up max limit f why all pid p first at was is owner r'.split(
    ' ',
  );

/** Records that are nearly right, and bytes that are none. */
class Junk {
  readonly #random: () => number;

  constructor(of: number) {
    this.#random = mulberry32(of);
  }

  pick<T>(all: readonly [T, ...T[]] | readonly T[]): T {
    const found = all[Math.floor(this.#random() * all.length)];
    if (found === undefined) throw new Error('none to pick');
    return found;
  }

  value(depth = 0): unknown {
    const leaves = ['', 't', 'u', 'm1', '\u0000', 'x'.repeat(300), '{"e":"r","r":"m1"}', 0, -1, 1, 1.5, 2 ** 53, 1e308];
    const leaf = this.pick<unknown>([...leaves, null, true, false]);
    if (depth > 2 || this.#random() < 0.7) return leaf;
    if (this.#random() < 0.5) return Array.from({ length: 3 }, () => this.value(depth + 1));
    return Object.fromEntries([1, 2, 3].map(() => [this.pick(FIELDS), this.value(depth + 1)]));
  }

  record(): Buffer {
    const head: Record<string, unknown> = { t: this.pick(NAMES), th: this.pick(['t', 'u', '']), r: 1 };
    for (let fields = Math.floor(this.#random() * 5); fields > 0; fields--) head[this.pick(FIELDS)] = this.value();
    return encodeRecord(head, this.#random() < 0.5 ? [] : [Buffer.from(JSON.stringify(this.value()))]);
  }

  /** Several records; sometimes with a byte changed, or cut off. */
  message(): Buffer {
    const all = Buffer.concat(Array.from({ length: 1 + Math.floor(this.#random() * 4) }, () => this.record()));
    const at = Math.floor(this.#random() * all.length);
    if (this.#random() < 0.3) all.writeUInt8(Math.floor(this.#random() * 256), at);
    return this.#random() < 0.2 ? all.subarray(0, at) : all;
  }
}

async function listen(server: ReturnType<typeof createServer>): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.close();
    server.closeAllConnections();
  });
  const address = server.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
}

/** @param timeoutMs a short one where the relay leaves questions without an answer */
function nodeAt(port: number, timeoutMs: number): Hub {
  const pool = createPool({
    url: `ws://127.0.0.1:${port}/relay`,
    WebSocket,
    token: 'secret',
    retryDelaysMs: [5],
    cooldownMs: 20,
    settleMs: 5,
  });
  pool.on('error', () => {});
  const hub = createHub({ log: relayLog({ pool, timeoutMs }) });
  hub.on('error', () => {});
  onTestFinished(() => hub.close());
  return hub;
}

it(`a relay answers or cuts off a node that says anything, and serves the others; seed ${seed}`, async () => {
  const server = createServer();
  const relay = attachRelay(server, { log: memoryLog(), authenticate: (_request, { token }) => token === 'secret' });
  onTestFinished(() => relay.close());
  const port = await listen(server);
  const hub = nodeAt(port, 30_000);
  const link = new FakeLink();
  await hub.accept(link.attach, { authorize: () => true }).join('healthy');
  const warnings: string[] = [];
  const onWarning = (warning: Error): void => void warnings.push(warning.message);
  process.on('warning', onWarning);
  onTestFinished(() => void process.off('warning', onWarning));
  for (let run = 0; run < numRuns; run++) {
    const junk = new Junk(seed * 10_000 + run);
    const socket = new WebSocket(`ws://127.0.0.1:${port}/relay?token=secret`, ['threadcast.v1.relay']);
    await once(socket, 'open');
    socket.on('error', () => {});
    let answers = '';
    socket.on('message', (data: Buffer) => (answers += data.toString()));
    // most have a name
    if (run % 4 !== 0) socket.send(encodeRecord({ t: 'node', id: `n${run}` }));
    for (let n = 0; n < 20; n++) socket.send(junk.message());
    socket.send(encodeRecord({ t: 'position', th: 'last', r: 99 }));
    await expect.poll(() => socket.readyState !== WebSocket.OPEN || answers.includes('"r":99')).toBe(true);
    socket.terminate();
  }
  await hub.thread('healthy').send('still there');
  await expect.poll(() => link.messages.at(-1)).toMatchObject({ t: 'msg', d: 'still there' });
  await expect.poll(() => relay.nodes).toBe(1);
  expect(warnings).toEqual([]);
});

it(`a node lives on with a relay that says anything, and with the right one again; seed ${seed}`, async () => {
  const server = createServer();
  const port = await listen(server);
  const upgrader = new WebSocketServer({ noServer: true });
  const junk = new Junk(seed);
  let left = numRuns * 5;
  const answer = (socket: WebSocket, data: Buffer): void => {
    for (const { head } of decodeRecords(bytesOfMessage(data))) {
      const { r } = head;
      if (r === undefined) continue;
      const fields = Object.fromEntries(
        ['e', 'o', 'id', 'l', 'n', 'at', 'most', 'is', 'p', 'pid', 'now', 'k', 'first', 'older', 'why']
          .filter(() => junk.pick([true, true, false]))
          .map((name) => [name, junk.value()]),
      );
      left--;
      socket.send(encodeRecord({ r, ...fields }, junk.pick([true, false]) ? [Buffer.from('{"a":1}')] : []));
      socket.send(junk.message());
    }
    // and begins anew now and then
    if (junk.pick([1, 2, 3, 4, 5, 6]) === 1) socket.terminate();
  };
  const serveJunk = (request: Parameters<typeof upgrader.handleUpgrade>[0], ...rest: unknown[]): void => {
    const [socket, head] = rest;
    if (!(head instanceof Buffer)) return;
    upgrader.handleUpgrade(request, Object(socket), head, (webSocket) => {
      webSocket.on('error', () => {});
      webSocket.on('message', (data: Buffer) => answer(webSocket, data));
      webSocket.send(encodeRecord({ t: 'hello', pingMs: junk.value() }));
    });
  };
  server.on('upgrade', serveJunk);
  const hub = nodeAt(port, 500);
  for (const threadId of ['t', 'u']) {
    const joined = hub.accept(new FakeLink().attach, { authorize: () => true }).join(threadId);
    joined.catch(() => {});
  }
  const isOver = (): boolean => left <= 0;
  for (let rounds = 0; !isOver() && rounds < 200; rounds++) {
    const work = ['t', 'u', 'v'].flatMap((threadId) => {
      const thread = hub.thread(threadId);
      return [thread.send('x'), thread.history({ limit: 2 }), thread.memberCount(), thread.users()];
    });
    await Promise.allSettled(work);
  }
  // a relay as it should be takes the place
  server.off('upgrade', serveJunk);
  const relay = attachRelay(server, { log: memoryLog(), authenticate: () => true });
  onTestFinished(() => relay.close());
  for (const client of upgrader.clients) client.terminate();
  await expect
    .poll(() =>
      hub
        .thread('w')
        .send('heard')
        .then(
          () => true,
          () => false,
        ),
    )
    .toBe(true);
});
