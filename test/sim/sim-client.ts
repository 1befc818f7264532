import { connect, type Client } from '../../src/client/index.ts';
import type { VirtualClock } from '../../src/testing/index.ts';
import type { Dice } from './dice.ts';
import type { Ledger } from './ledger.ts';
import type { Line } from './line.ts';
import { NodeClock } from './node-clock.ts';
import { Reading } from './reading.ts';
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
