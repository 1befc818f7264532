import type { Clock, DeliveryLog } from '../../../src/index.ts';
import { resolveRedisLog } from '../../../src/infra/log/redis/options.ts';
import { RedisLog } from '../../../src/infra/log/redis/redis-log.ts';
import { decodeHeader } from '../../../src/infra/log/shared/arrival.ts';
import type { Dump } from '../../support/redis-model/keyspace.ts';
import { bufferOf } from '../../support/redis-model/model-connection.ts';
import type { ActOf } from '../schedule.ts';
import { contentOf, endOf, numberOf } from '../contents.ts';
import { Dice } from '../dice.ts';
import type { Ledger } from '../ledger.ts';
import type { Logged } from '../logged.ts';
import type { NodeClock } from '../node-clock.ts';
import type { SimStore } from '../sim-store.ts';
import { Branches, type Head } from './branches.ts';
import { EMPTY, RedisHost } from './redis-host.ts';

/** An entry that a script has just written; its epoch is written after it. */
interface Written {
  readonly threadId: string;
  readonly offset: number;
  readonly value: string;
  readonly before: Head | undefined;
}

const ENTRY = /^([EL])(\d+) (\S+) (?:(\S+) (\d+) (\d+) )?(\d+) /;
const KEPT_DUMPS = 12;

/** One Redis for several nodes, each of which has a real log over it. */
export class SimRedis implements SimStore {
  readonly #host: RedisHost;
  readonly #clock: Clock;
  readonly #ledger: Ledger;
  readonly #options: { readonly maxEntries: number };
  readonly #dice: Dice;
  readonly #branches: Branches;
  readonly #written: Written[] = [];
  readonly #dumps: Dump[] = [];
  #lives = 0;

  constructor(clock: Clock, ledger: Ledger, options: { readonly maxEntries: number; readonly seed: number }) {
    this.#clock = clock;
    this.#ledger = ledger;
    this.#options = options;
    this.#dice = new Dice(options.seed ^ 0x4ed15);
    this.#host = new RedisHost(clock, this.#dice);
    this.#branches = new Branches((threadId) => this.#head(threadId));
    ledger.branches = this.#branches;
    this.#host.model.onCommand = (args) => this.#note(args);
    this.#host.onCommand = () => this.#settle();
  }

  of(node: NodeClock): DeliveryLog {
    const name = `r${++this.#lives}`;
    let epochs = 0;
    const settings = resolveRedisLog({
      clock: node,
      maxEntries: this.#options.maxEntries,
      random: this.#dice.random,
      newEpoch: () => `${name}-${++epochs}`,
      timeoutMs: 3_000,
      commandTimeoutMs: 1_000,
    });
    return new RedisLog({ ...settings, nodeId: `n${name}` }, this.#host.connector(node));
  }

  values(threadId: string): ReadonlyMap<string, string> {
    const now = this.#clock.wallTime?.() ?? 0;
    const fields = this.#fields(threadId, 'values');
    const values = [...fields].flatMap(([field, stored]): [string, string][] => {
      const [head, until] = /^(\d+) \S+ /.exec(stored) ?? [];
      const isHeld = field.startsWith('=') && head !== undefined && (until === '0' || Number(until) > now);
      return isHeld ? [[textOf(field.slice(1)), textOf(stored.slice(head.length))]] : [];
    });
    return new Map(values);
  }

  forget(node: NodeClock): void {
    this.#host.forget(node);
  }

  close(): void {
    this.#host.heal();
  }

  heal(): void {
    this.#host.heal();
  }

  /** Keeps what it has now, for a restore. */
  remember(): void {
    this.#dumps.push(this.#host.model.dump());
    if (this.#dumps.length > KEPT_DUMPS) this.#dumps.shift();
  }

  /** @param node where only one process is concerned */
  suffer({ what, ms, back }: ActOf<'redis'>, node: NodeClock | undefined): void {
    const host = this.#host;
    switch (what) {
      case 'restart':
        return host.restart(ms, undefined);
      case 'lose':
        return this.#rewind(() => host.restart(ms, EMPTY));
      case 'restore':
        return this.#rewind(() => host.restart(ms, this.#dumps.at(-back) ?? EMPTY));
      case 'fail over':
        return this.#rewind(() => host.failOver(this.#dumps.at(-back) ?? EMPTY));
      case 'freeze':
        return host.freeze(ms);
      case 'cut':
      case 'silence':
      case 'mute':
        return host[what](node);
      case 'slow':
        return host.slow(ms / 10);
      case 'full':
        return host.full(ms);
      case 'forget scripts':
        return host.forgetScripts();
    }
  }

  #rewind(lose: () => void): void {
    lose();
    this.#ledger.lost();
    for (const threadId of this.#threads()) {
      this.#ledger.refate(threadId);
      for (const [key, json] of this.values(threadId)) this.#ledger.values.wasSet(threadId, key, json);
    }
  }

  #threads(): readonly string[] {
    return [0, 1].map((index) => `thread${index}`);
  }

  #fields(threadId: string, kind: 'log' | 'values'): ReadonlyMap<string, string> {
    return this.#host.model.hash(keyOf(threadId, kind)) ?? new Map();
  }

  /** Where the log ends, or its position says that it did. */
  #head(threadId: string): Head | undefined {
    const fields = this.#fields(threadId, 'log');
    const [epoch, offset] = [fields.get('e'), fields.get('o')];
    if (epoch !== undefined) return { epoch, offset: Number(offset), id: fields.get('i') ?? '' };
    const kept = /^(\S+) (\d+) (.*)$/.exec(this.#host.model.text(keyOf(threadId, 'position')) ?? '');
    return kept === null ? undefined : { epoch: kept[1] ?? '', offset: Number(kept[2]), id: kept[3] ?? '' };
  }

  #note([name, key = '', ...rest]: readonly string[]): void {
    const [, threadId, kind] = /^tc:v2:\{(.*)\}:(\w+)$/.exec(key) ?? [];
    if (threadId === undefined) return;
    if (name === 'UNLINK' && kind === 'answers') this.#ledger.erased(threadId);
    if (name !== 'HSET') return;
    const [field = '', value = ''] = rest;
    if (kind === 'log' && /^[EL]/.test(value) && /^\d+$/.test(field)) {
      const offset = Number(field);
      this.#written.push({ threadId, offset, value, before: this.#head(threadId) });
    }
    if (kind === 'values' && field.startsWith('=')) {
      const json = value.replace(/^\d+ \S+ /, '');
      this.#ledger.values.wasSet(threadId, textOf(field.slice(1)), textOf(json));
    }
  }

  /** A command is over: what it has appended has its epoch now. */
  #settle(): void {
    let previous: (Written & { readonly entry: Logged }) | undefined;
    for (const written of this.#written.splice(0)) {
      const { threadId, offset, before } = written;
      const epoch = this.#fields(threadId, 'log').get('e') ?? '';
      const isNext = previous?.threadId === threadId;
      const first = before && this.#branches.at(threadId, before.epoch, before.offset, before.id);
      const entry = this.#logged(written, isNext ? previous?.entry : before?.epoch === epoch ? first : undefined);
      if (entry === undefined) continue;
      if (entry.previous !== undefined && entry.previous.offset !== offset - 1)
        this.#ledger.complain(`${threadId}: offset ${offset} after ${entry.previous.offset}`);
      this.#ledger.logged(threadId, epoch, entry);
      previous = { ...written, entry };
    }
  }

  #logged({ threadId, offset, value }: Written, previous: Logged | undefined): Logged | undefined {
    const [head, , , id = '', name, count, , size] = ENTRY.exec(value) ?? [];
    if (head === undefined) return undefined;
    const bodyAt = head.length + Number(size);
    const { kind = 'message', target, except, isShared } = decodeHeader(textOf(value.slice(head.length, bodyAt)));
    const fields = this.#fields(threadId, 'log');
    const pieces = Array.from({ length: Number(count ?? 0) }, (_, i) => fields.get(`${name}/${i}`) ?? '');
    const body = bufferOf(name === undefined ? value.slice(bodyAt) : pieces.join(''));
    const data: unknown = kind === 'remove' ? undefined : contentOf(body);
    const at = this.#clock.now();
    const isStream = endOf(data) !== undefined;
    const known = Number(fields.get('k') ?? '0');
    return { offset, id, number: numberOf(data), kind, target, isStream, except, isShared, at, previous, known };
  }
}

const keyOf = (threadId: string, kind: string): string => `tc:v2:{${threadId}}:${kind}`;
const textOf = (bytes: string): string => bufferOf(bytes).toString();
