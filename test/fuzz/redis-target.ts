import { setTimeout as delay } from 'node:timers/promises';
import { createClient, type RedisClientType } from 'redis';
import { createHub, type Hub } from '../../src/index.ts';
import { redisLog } from '../../src/redis/index.ts';
import { layoutKeys } from '../../src/infra/log/redis/layout.ts';
import { FakeLink } from '../../src/testing/index.ts';
import { RedisServer } from '../support/redis-server.ts';
import type { Behaviour, Input, Target } from './input.ts';
import { lookUntil, numbersOf, typeOf } from './node-links.ts';

const PREFIX = 'fuzz';
const ATTACKED = 'attacked';
const HEALTHY = 'healthy';

/** Until a message has to be there: the machine may be busy. */
const WAIT_MS = 30_000;

/**
 * Two nodes over a real Redis, and somebody who writes into it. The first byte of an input says where: `P` publishes on the attacked thread's
 * channel, `L` sets the log's entry after its head, `V` a field of the values, named by its first letter; `Q` is the position. The rest is
 * what is written; `EPOCH` and `NEXT` in it stand for the log's epoch and next offset. The counters of the log are left alone: our scripts
 * walk from one to the other, and who may write them may as well run a script without end.
 */
export class RedisTarget implements Target {
  readonly #server: RedisServer;
  readonly #writer: RedisClientType;
  readonly #hubs: readonly Hub[];
  readonly #links = [new FakeLink(), new FakeLink()];
  readonly #keys = layoutKeys(PREFIX).thread(ATTACKED);
  #sent = 0;

  private constructor(server: RedisServer, writer: RedisClientType) {
    this.#server = server;
    this.#writer = writer;
    this.#hubs = [0, 1].map(() =>
      createHub({
        log: redisLog({ url: server.url, prefix: PREFIX, timeoutMs: WAIT_MS, commandTimeoutMs: WAIT_MS }),
        development: false,
      }),
    );
    // what somebody else writes may be reported, and must not end anything
    for (const hub of this.#hubs) hub.on('error', () => {});
  }

  static async open(): Promise<RedisTarget> {
    const server = await RedisServer.start();
    const writer: RedisClientType = createClient({ url: server.url });
    writer.on('error', () => {});
    await writer.connect();
    const target = new RedisTarget(server, writer);
    for (const [i, hub] of target.#hubs.entries()) {
      const connection = hub.accept(target.#links[i]?.attach ?? fail('no link'), { authorize: () => true });
      await connection.join(HEALTHY);
      await connection.join(ATTACKED);
    }
    return target;
  }

  async feed(inputs: readonly Input[]): Promise<readonly Behaviour[]> {
    const before = this.#links.map(({ received }) => received.length);
    const { epoch, next } = await this.#head();
    await Promise.all(
      inputs.map(({ data }, i) => {
        const { log, position, values, channel } = this.#keys;
        const place = data.toString('latin1', 0, 1);
        const offset = String(next + i);
        const text = data.toString('latin1', 1).replaceAll('EPOCH', epoch).replaceAll('NEXT', offset);
        const rest = Buffer.from(text, 'latin1');
        if (place === 'L') return this.#write(['HSET', log, offset, rest]);
        if (place === 'V') return this.#write(['HSET', values, text.slice(0, 1), rest.subarray(1)]);
        if (place === 'Q') return this.#write(['SET', position, rest]);
        return this.#write(['PUBLISH', channel, rest]);
      }),
    );
    // for the notices to come back
    await delay(3);
    for (const [i, { received }] of this.#links.entries())
      for (const frame of received.slice(before[i])) JSON.parse(frame);
    const kinds = this.#links.map(({ received }, i) => received.slice(before[i]).map(typeOf).join(' '));
    return inputs.map(() => kinds.join('/'));
  }

  async check(): Promise<void> {
    // what is broken in the thread is taken away: it begins anew
    const { log, position, values } = this.#keys;
    await this.#write(['DEL', log, position, values]);
    const [one, other] = this.#hubs;
    if (one === undefined || other === undefined) fail('no hubs');
    const news = [++this.#sent, ++this.#sent];
    for (const [i, n] of news.entries()) await (i === 0 ? one : other).thread(HEALTHY).send({ healthy: n });
    await (this.#sent % 4 === 0 ? one : other).thread(ATTACKED).send({ again: this.#sent });
    for (const link of this.#links) {
      const isThere = (): boolean =>
        numbersOf(link, 'healthy').length >= news.length && numbersOf(link, 'again').includes(this.#sent);
      if (!(await lookUntil(isThere, WAIT_MS)))
        fail(`not all of ${news.join()} came: ${link.received.join('\n').slice(0, 2_000)}`);
      const got = numbersOf(link, 'healthy');
      if (got.join() !== news.join()) fail(`the neighbour got ${got.join()} of ${news.join()}`);
      if (link.isClosed) fail(`the neighbour was closed with ${link.closeCode}`);
      link.received.length = 0;
    }
  }

  async close(): Promise<void> {
    await Promise.all(this.#hubs.map((hub) => hub.close()));
    this.#writer.destroy();
    await this.#server.stop();
  }

  async #head(): Promise<{ readonly epoch: string; readonly next: number }> {
    try {
      const [epoch, head] = await this.#writer.hmGet(this.#keys.log, ['e', 'o']);
      return { epoch: epoch ?? 'none', next: (Number(head) || 0) + 1 };
    } catch {
      // another input has made it something else than a hash
      return { epoch: 'none', next: 1 };
    }
  }

  async #write(command: (string | Buffer)[]): Promise<void> {
    // a wrong type of a key, which another input has made
    await this.#writer.sendCommand(command).catch(() => {});
  }
}

function fail(what: string): never {
  throw new Error(what);
}
