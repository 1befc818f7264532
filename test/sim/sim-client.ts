import { connect, type Client, type ClientStream, type ClientThread, type Message } from '../../src/client/index.ts';
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
  /** The schedule has faults. */
  readonly mayHaveGaps: boolean;
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
  /** Streams that have not ended for it. */
  readonly #growing = new Map<string, string>();

  constructor(handle: ClientThread, ledger: Ledger, who: string, rules: Rules) {
    this.handle = handle;
    this.#ledger = ledger;
    this.#who = `${who} in ${handle.id}`;
    handle.on('joined', ({ position }) => {
      this.#at ??= placeOf(position);
    });
    handle.on('gap', ({ why, position }) => {
      ledger.note(`gap ${why}`);
      if (!rules.mayHaveGaps) this.#complain(`a gap without any fault: ${why}`);
      const place = placeOf(position);
      // what has overtaken others before the gap is not given again
      if (place.epoch !== this.#at?.epoch) this.#ahead.clear();
      this.#at = place;
    });
    handle.on('message', (message) => this.#take(message));
    handle.on('stream', (stream) => {
      ledger.note('stream');
      this.#growing.set(stream.id, stream.text);
      void stream.done.then((message) => this.#onStreamOver(stream, message));
    });
    handle.on('left', () => rules.onLeft());
    handle.on('error', (error) => {
      // the answer to a join that the application has just undone
      if (rules.mayBeRefused() && 'reason' in error && error.reason === 'forbidden') rules.onLeft();
      else ledger.complain(`${this.#who}: ${String(error)}`);
    });
  }

  get at(): Place | undefined {
    return this.#at;
  }

  #onStreamOver({ id, text }: ClientStream, message: Message | undefined): void {
    this.#growing.delete(id);
    if (message === undefined) return;
    this.#ledger.note('stream done');
    if (textOf(message.data) !== text)
      this.#complain(`stream ${id} is '${text}', its message '${textOf(message.data)}'`);
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
    if (entry === undefined || !Object.is(entry.number, number) || entry.id !== message.id) {
      this.#complain(`${now.epoch}.${offset} is ${number}, in the log ${entry?.number}`);
    }
    if (message.ahead) {
      this.#ledger.note('ahead');
      if (this.#ahead.has(offset) || offset <= before.offset) this.#complain(`${offset} came twice, ahead`);
      this.#ahead.add(offset);
      return undefined;
    }
    if (this.#ahead.has(offset) && now.epoch === before.epoch)
      this.#complain(`${offset} came twice, ahead and in order`);
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

  /** Everything is quiet: all streams are over. */
  assertNoneGrowing(): void {
    for (const id of this.#growing.keys()) this.#complain(`stream ${id} has no end`);
  }

  /**
   * It must have all.
   * @param until that was logged until then: what has just come is on its way
   */
  assertCurrent(until?: number): void {
    const head = this.#ledger.head(this.handle.id, until);
    if (head === undefined || head.offset === 0) return;
    const { epoch, offset } = this.#at ?? { epoch: 'none', offset: 0 };
    let reached = offset;
    while (this.#ahead.has(reached + 1)) reached++;
    if (epoch !== head.epoch || reached < head.offset) {
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

/** What a reading may meet. */
interface Rules {
  readonly mayHaveGaps: boolean;
  /** The application has removed the client from a thread before. */
  mayBeRefused(): boolean;
  /** The server has told that the thread is over for this client. */
  onLeft(): void;
}

function textOf(data: unknown): string | undefined {
  return typeof data === 'object' && data !== null && 'text' in data ? String(data.text) : undefined;
}

/** A page with the real client, which may crash and come back with the positions it has kept. */
export class SimClient {
  readonly name: string;
  readonly userId: string;
  readonly latencyMs: number;
  line: Line | undefined;
  /** Of its newest connection. */
  connectionId: string | undefined;
  #kicks = 0;
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
    const { ledger, mayHaveGaps } = this.#world;
    const reading: Reading = new Reading(handle, ledger, this.name, {
      mayHaveGaps,
      mayBeRefused: () => this.#kicks > 0,
      onLeft: () => {
        ledger.note('left');
        if (this.#readings.get(threadId) === reading) this.#readings.delete(threadId);
      },
    });
    this.#readings.set(threadId, reading);
  }

  leave(threadId: string): void {
    this.#readings.get(threadId)?.handle.leave();
    this.#readings.delete(threadId);
  }

  /** The application is about to remove it from a thread. */
  noteKick(): void {
    this.#kicks++;
  }

  /**
   * What the server accepts is in the log.
   * @param mustSucceed all faults are over: the server has to answer
   */
  publish(threadId: string, number: number, filler: string, mustSucceed = false): void {
    const { ledger } = this.#world;
    const clock = this.#clock;
    this.#client.publish(threadId, { n: number, filler }, { id: `${this.name}-p${number}` }).then(
      () => {
        ledger.note('published');
        if (!ledger.hasNumber(number)) ledger.complain(`${this.name}: ${number} was accepted and is not in the log`);
      },
      (error: unknown) => {
        const code = error instanceof Error && 'code' in error ? error.code : undefined;
        const isFair = (code === 'TC_PUBLISH_TIMEOUT' && !mustSucceed) || code === 'TC_CLIENT_CLOSED' || clock.isDead;
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
