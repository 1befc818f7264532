import { connect, type Client, type ClientThread, type Message } from '../../src/client/index.ts';
import type { VirtualClock } from '../../src/testing/index.ts';
import type { Dice } from './dice.ts';
import { numberOf, type Ledger } from './ledger.ts';
import type { Line } from './line.ts';
import { NodeClock } from './node-clock.ts';
import { SimSocket } from './socket.ts';

export interface SimClientWorld {
  readonly clock: VirtualClock;
  readonly ledger: Ledger;
  readonly dice: Dice;
  /** The node that the network leads this client to; undefined where none answers. */
  connect(client: SimClient, socket: SimSocket): Line | undefined;
}

/** What a client has of a thread, compared with the log as it comes. */
export class Reading {
  readonly handle: ClientThread;
  readonly #ledger: Ledger;
  readonly #who: string;
  #at: Place | undefined;
  readonly #ahead = new Set<number>();
  /** Numbers of the messages that it has been given. */
  readonly numbers = new Set<number>();

  constructor(handle: ClientThread, ledger: Ledger, who: string) {
    this.handle = handle;
    this.#ledger = ledger;
    this.#who = `${who} in ${handle.id}`;
    handle.on('joined', ({ position }) => {
      this.#at ??= placeOf(position);
    });
    handle.on('gap', ({ why, position }) => {
      ledger.note(`gap ${why}`);
      const place = placeOf(position);
      // what has overtaken others before the gap is not given again
      if (place.epoch !== this.#at?.epoch) this.#ahead.clear();
      this.#at = place;
    });
    handle.on('message', (message) => this.#take(message));
    handle.on('error', (error) => ledger.complain(`${this.#who}: ${String(error)}`));
  }

  get at(): Place | undefined {
    return this.#at;
  }

  #take(message: Message): void {
    this.#ledger.deliveries++;
    const number = numberOf(message.data);
    this.numbers.add(number);
    const { offset } = message;
    if (offset === undefined) {
      this.#ledger.note('volatile');
      return;
    }
    const before = this.#at;
    if (before === undefined) return this.#complain(`${offset} came before the join`);
    const now = message.ahead ? { epoch: before.epoch, offset } : placeOf(message.position);
    const entry = this.#ledger.at(this.handle.id, now.epoch, offset);
    if (entry?.number !== number || entry.id !== message.id) {
      this.#complain(`${now.epoch}.${offset} is ${number}, in the log ${entry?.number}`);
    }
    if (message.ahead) {
      this.#ledger.note('ahead');
      if (this.#ahead.has(offset) || offset <= before.offset) this.#complain(`${offset} came twice, ahead`);
      this.#ahead.add(offset);
      return undefined;
    }
    if (now.epoch !== before.epoch) return this.#complain(`epoch ${now.epoch} after ${before.epoch} without a gap`);
    if (offset <= before.offset) this.#complain(`${offset} after ${before.offset}`);
    for (let missing = before.offset + 1; missing < offset; missing++) {
      if (!this.#ahead.has(missing)) this.#complain(`${missing} is missing before ${offset}`);
    }
    this.#at = now;
    return undefined;
  }

  #complain(what: string): void {
    this.#ledger.complain(`${this.#who}: ${what}`);
  }

  /** Everything is quiet: it must have all. */
  assertCurrent(): void {
    const head = this.#ledger.head(this.handle.id);
    if (head === undefined) return;
    const { epoch, offset } = this.#at ?? { epoch: 'none', offset: 0 };
    let reached = offset;
    while (this.#ahead.has(reached + 1)) reached++;
    if (epoch !== head.epoch || reached !== head.offset) {
      this.#complain(`ends at ${epoch}.${offset}, the log at ${head.epoch}.${head.offset}`);
    }
  }
}

interface Place {
  readonly epoch: string;
  readonly offset: number;
}

function placeOf(position: string): Place {
  const [epoch = '', offset = ''] = position.split('.');
  return { epoch, offset: Number(offset) };
}

/** A page with the real client, which may crash and come back with the positions it has kept. */
export class SimClient {
  readonly name: string;
  readonly userId: string;
  readonly latencyMs: number;
  line: Line | undefined;
  readonly #world: SimClientWorld;
  readonly #readings = new Map<string, Reading>();
  #clock: NodeClock;
  #client: Client;
  #ids = 0;

  constructor(name: string, userId: string, world: SimClientWorld) {
    this.name = name;
    this.userId = userId;
    this.#world = world;
    this.latencyMs = world.dice.pick([1, 20, 150]);
    this.#clock = new NodeClock(world.clock);
    this.#client = this.#connect();
  }

  get readings(): Iterable<Reading> {
    return this.#readings.values();
  }

  reading(threadId: string): Reading | undefined {
    return this.#readings.get(threadId);
  }

  join(threadId: string, from?: string): void {
    if (this.#readings.has(threadId)) return;
    const handle = this.#client.join(threadId, from === undefined ? {} : { from });
    this.#readings.set(threadId, new Reading(handle, this.#world.ledger, this.name));
  }

  leave(threadId: string): void {
    this.#readings.get(threadId)?.handle.leave();
    this.#readings.delete(threadId);
  }

  /** What the server accepts is in the log. */
  publish(threadId: string, number: number, filler: string): void {
    const { ledger } = this.#world;
    const clock = this.#clock;
    this.#client.publish(threadId, { n: number, filler }, { id: `${this.name}-p${number}` }).then(
      () => {
        ledger.note('published');
        if (!ledger.hasNumber(number)) ledger.complain(`${this.name}: ${number} was accepted and is not in the log`);
      },
      (error: unknown) => {
        const code = error instanceof Error && 'code' in error ? error.code : undefined;
        const isFair = code === 'TC_PUBLISH_TIMEOUT' || code === 'TC_CLIENT_CLOSED' || clock.isDead;
        if (!isFair) ledger.complain(`${this.name}: publish ${number}: ${String(error)}`);
      },
    );
  }

  /** The tab is gone; another one goes on from the positions that the page had stored. */
  crash(): void {
    const positions = [...this.#readings].map(([threadId, { handle }]) => [threadId, handle.position] as const);
    this.line?.cut();
    this.#clock.crash();
    this.#readings.clear();
    this.#clock = new NodeClock(this.#world.clock);
    this.#client = this.#connect();
    for (const [threadId, position] of positions) this.join(threadId, position);
  }

  close(): void {
    this.#client.close();
    this.#readings.clear();
  }

  #connect(): Client {
    const world = this.#world;
    const clock = this.#clock;
    const network = {
      clock: world.clock,
      latencyMs: this.latencyMs,
      connect: (socket: SimSocket): Line | undefined => {
        if (clock.isDead) return undefined;
        this.line = world.connect(this, socket);
        return this.line;
      },
    };
    class Socket extends SimSocket {
      constructor(url: string) {
        super(url, network);
      }
    }
    const client = connect('ws://hub.test/', {
      WebSocket: Socket,
      clock,
      random: world.dice.random,
      newId: () => `${this.name}-${++this.#ids}`,
      backoff: { minMs: 100, maxMs: 2_000 },
      connectTimeoutMs: 3_000,
      publishTimeoutMs: 20_000,
    });
    client.on('error', (error) => {
      const code = typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined;
      if (code === 'TC_PUBLISH_TIMEOUT') return;
      world.ledger.note(`client error ${String(code)}`);
      if (code === undefined || code === 'TC_MALFORMED_FRAME') world.ledger.complain(`${this.name}: ${String(error)}`);
    });
    return client;
  }
}
