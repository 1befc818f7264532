import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { WebSocket } from 'ws';
import { createHub, memoryLog, type Hub } from '../../src/index.ts';
import { bytesOfMessage, decodeRecords, encodeRecord } from '../../src/infra/log/relay/frames.ts';
import { attachRelay, createPool, relayLog, type Pool, type Relay } from '../../src/pool/index.ts';
import { FakeLink } from '../../src/testing/index.ts';
import { ENDED, type Behaviour, type Input, type Target } from './input.ts';
import { lookUntil, numbersOf } from './node-links.ts';

const HEALTHY = 'healthy';

/** Until a message has to be there: the machine may be busy. */
const WAIT_MS = 30_000;

/**
 * A relay, and nodes that say anything over real sockets. An input is the head of a record, with what `body` of it says behind it, or a
 * message as it is; each is followed by a question, whose answer ends it. One node as it should be, with a client of its own, is beside them.
 */
export class RelayTarget implements Target {
  readonly #server: Server;
  readonly #relay: Relay;
  readonly #port: number;
  readonly #pool: Pool;
  readonly #hub: Hub;
  readonly #link = new FakeLink();
  #nodes = 0;
  #sent = 0;

  private constructor(server: Server, port: number) {
    this.#server = server;
    this.#port = port;
    this.#relay = attachRelay(server, { log: memoryLog(), authenticate: () => true });
    this.#pool = createPool({ url: `ws://127.0.0.1:${port}/relay`, WebSocket });
    this.#pool.on('error', () => {});
    this.#hub = createHub({ log: relayLog({ pool: this.#pool, timeoutMs: WAIT_MS }), development: false });
    this.#hub.on('error', () => {});
  }

  static async open(): Promise<RelayTarget> {
    const server = createServer();
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    const target = new RelayTarget(server, typeof address === 'object' && address !== null ? address.port : 0);
    await target.#hub.accept(target.#link.attach, { authorize: () => true }).join(HEALTHY);
    return target;
  }

  async feed(inputs: readonly Input[]): Promise<readonly Behaviour[]> {
    const behaviours: Behaviour[] = [];
    let node = await this.#dial();
    for (const [i, { data, isBinary }] of inputs.entries()) {
      if (node.isOver()) node = await this.#dial();
      const news = await node.ask(isBinary ? data : recordOf(data), i);
      behaviours.push(`${node.isOver() ? ENDED : ''}${news}`);
    }
    node.hangUp();
    return behaviours;
  }

  async check(): Promise<void> {
    await this.#hub.thread(HEALTHY).send({ healthy: ++this.#sent });
    const isThere = (): boolean => numbersOf(this.#link, 'healthy').length > 0;
    if (!(await lookUntil(isThere, WAIT_MS))) fail(`${this.#sent} did not come`);
    const got = numbersOf(this.#link, 'healthy');
    this.#link.received.length = 0;
    if (got.join() !== String(this.#sent)) fail(`the neighbour got ${got.join()} instead of ${this.#sent}`);
    if (!(await lookUntil(() => this.#relay.nodes === 1, WAIT_MS))) fail(`${this.#relay.nodes} nodes instead of one`);
  }

  async close(): Promise<void> {
    await this.#hub.close();
    this.#pool.close();
    this.#relay.close();
    this.#server.close();
    this.#server.closeAllConnections();
  }

  /** A node with a name. */
  async #dial() {
    const socket = new WebSocket(`ws://127.0.0.1:${this.#port}/relay`, ['threadcast.v1.relay']);
    socket.on('error', () => {});
    let [news, asked, code] = [new Set<string>(), -1, 0];
    let answered = Promise.withResolvers<void>();
    socket.on('message', (data) => {
      for (const { head } of decodeRecords(bytesOfMessage(data))) {
        if (head['r'] === `asked ${asked}`) answered.resolve();
        else news.add([head['t'], head['why'] ?? Object.keys(head).join('')].join(' '));
      }
    });
    socket.on('close', (reason) => {
      code = reason;
      answered.resolve();
    });
    await once(socket, 'open');
    socket.send(encodeRecord({ t: 'node', id: `n-${++this.#nodes}` }));
    return {
      isOver: (): boolean => socket.readyState !== WebSocket.OPEN,
      hangUp: (): void => socket.terminate(),
      async ask(data: Buffer, n: number): Promise<string> {
        [news, asked, answered] = [new Set(), n, Promise.withResolvers()];
        socket.send(data);
        socket.send(encodeRecord({ t: 'position', th: 'last', r: `asked ${n}` }));
        const isLate = setTimeout(() => answered.reject(new Error('no answer')), WAIT_MS);
        await answered.promise.finally(() => clearTimeout(isLate));
        return `${[...news].toSorted().join(', ')} ${code === 0 ? '' : code}`;
      },
    };
  }
}

function recordOf(data: Buffer): Buffer {
  try {
    const head: unknown = JSON.parse(data.toString());
    const { body, ...fields } = { body: undefined, ...(typeof head === 'object' ? head : { t: head }) };
    return encodeRecord(fields, body === undefined ? [] : [Buffer.from(JSON.stringify(body))]);
  } catch {
    return Buffer.concat([data, Buffer.from('\n')]);
  }
}

function fail(what: string): never {
  throw new Error(what);
}
