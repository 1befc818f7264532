import type { Clock } from '../../../src/index.ts';
import type { Connector } from '../../../src/infra/log/redis/connections.ts';
import { RedisModel } from '../../support/redis-model/redis-model.ts';
import type { Dump } from '../../support/redis-model/keyspace.ts';
import { Failure, type Reply } from '../../support/redis-model/replies.ts';
import type { Dice } from '../dice.ts';
import type { NodeClock } from '../node-clock.ts';
import { RedisLine } from './redis-line.ts';

const READONLY = new Failure("READONLY You can't write against a read only replica.");
const LOADING = new Failure('LOADING Redis is loading the dataset in memory');
const OOM = new Failure("OOM command not allowed when used memory > 'maxmemory'.");

export const EMPTY: Dump = new Map();

/** The machine of the model: it is down, frozen, slow, full or a replica, and has connections. */
export class RedisHost {
  readonly model: RedisModel;
  readonly clock: Clock;
  readonly lines = new Set<RedisLine>();
  readonly #dice: Dice;
  /** Longest time of each way. */
  #wayMs = 1;
  #isDown = false;
  /** Called after each command. */
  onCommand: (() => void) | undefined;
  #frozen: (() => void)[] | undefined;
  #isLoading = false;
  #refusal: Failure | undefined;
  #faults = 0;

  constructor(clock: Clock, dice: Dice) {
    this.clock = clock;
    this.#dice = dice;
    this.model = new RedisModel(() => clock.wallTime?.() ?? clock.now());
  }

  /** The time of the next packet. */
  readonly latencyMs = (): number => (this.#wayMs <= 1 ? this.#wayMs / 4 : this.#dice.random() * this.#wayMs);

  connector(node: NodeClock): Connector {
    return (onTrouble, signal) =>
      new Promise((resolve, reject) => {
        const connect = (): void => {
          if (this.#isDown) return node.run(() => reject(new Error('connect ECONNREFUSED')));
          // a frozen one takes the connection, and says nothing
          return this.whenAwake(() => {
            if (node.isDead || signal.aborted) return;
            const line = new RedisLine(this, node, onTrouble);
            this.lines.add(line);
            signal.addEventListener('abort', () => line.destroy());
            node.run(() => resolve(line));
          });
        };
        if (!node.isDead) this.clock.setTimeout(connect, 2 * this.latencyMs());
      });
  }

  execute(line: RedisLine, args: readonly string[]): Reply {
    if (this.#isLoading) return LOADING;
    this.model.refusal = line.isDemoted ? READONLY : this.#refusal;
    const reply = this.model.execute(args);
    this.onCommand?.();
    return reply;
  }

  /** Does it now, or when it goes on. */
  whenAwake(work: () => void): void {
    if (this.#frozen !== undefined) this.#frozen.push(work);
    else if (!this.#isDown) work();
  }

  /** It ends when the time is up, unless another one has begun. */
  #during(ms: number, end: () => void): void {
    const fault = ++this.#faults;
    this.clock.setTimeout(() => {
      if (fault === this.#faults) end();
    }, ms);
  }

  full(ms: number): void {
    this.#refusal = OOM;
    this.clock.setTimeout(() => (this.#refusal = undefined), ms);
  }

  slow(wayMs: number): void {
    this.#wayMs = wayMs;
  }

  freeze(ms: number): void {
    if (this.#isDown) return;
    this.#frozen ??= [];
    this.#during(ms, () => this.thaw());
  }

  thaw(): void {
    const waiting = this.#frozen ?? [];
    this.#frozen = undefined;
    for (const work of waiting) this.whenAwake(work);
  }

  /** Ends, and begins again with this: as it was, if there is none. */
  restart(ms: number, dump: Dump | undefined): void {
    this.#isDown = true;
    this.#frozen = undefined;
    this.#isLoading = false;
    this.cut(undefined);
    this.model.restore(dump ?? this.model.dump());
    this.#during(ms, () => {
      this.#isDown = false;
      // for a moment it answers, and has not read all yet
      if (!this.#dice.chance(0.3)) return;
      this.#isLoading = true;
      this.clock.setTimeout(() => (this.#isLoading = false), 50);
    });
  }

  /** A replica that has less is the master now. Connections stay with the old one, which has become its replica. */
  failOver(dump: Dump): void {
    this.model.restore(dump);
    for (const line of this.#of(undefined)) {
      if (this.#dice.chance(0.5)) line.isDemoted = true;
      else line.cut();
    }
  }

  cut(node: NodeClock | undefined): void {
    for (const line of this.#of(node)) line.cut();
  }

  silence(node: NodeClock | undefined): void {
    for (const line of this.#of(node)) line.isSilent = true;
  }

  mute(node: NodeClock | undefined): void {
    for (const line of this.#of(node)) line.isMute = true;
  }

  forgetScripts(): void {
    this.model.execute(['SCRIPT', 'FLUSH']);
  }

  /** All is well with it from now on; connections that are not well stay so. */
  heal(): void {
    this.#faults++;
    this.#isDown = false;
    this.#isLoading = false;
    this.#refusal = undefined;
    this.#wayMs = 1;
    this.thaw();
  }

  forget(node: NodeClock): void {
    for (const line of this.#of(node)) line.destroy();
  }

  #of(node: NodeClock | undefined): readonly RedisLine[] {
    return [...this.lines].filter((line) => node === undefined || line.node === node);
  }
}
