import type { ConnectionActor } from '../actors/connection/connection.ts';
import { InputBudgets } from '../actors/connection/input-budgets.ts';
import { ValueRequests, type ValueSetter } from '../actors/connection/value-requests.ts';
import type { HubDoor } from '../actors/gateway/hub-door.ts';
import { valuesOf } from '../actors/values/value-changes.ts';
import { ValueLimitError } from '../infra/errors.ts';
import { queryOf } from '../infra/socket/request-target.ts';
import { AbsentConnection } from './absent-connection.ts';
import type { Admission, Visitor } from './admission.ts';
import type { Exchange } from './exchange.ts';
import { unknownConnection } from './client-frames.ts';
import { Problem, problemOf, RETRY_AFTER_S } from './problem.ts';
import { textIn } from './router.ts';

/** Requests after which budgets that are full again are forgotten. */
const SWEEP_EVERY = 1_024;

/** What a request changes. */
export interface ValueChangeRequest {
  readonly threadId: string;
  readonly key: string;
  /** Undefined to remove it. */
  readonly value: unknown;
  /** The event stream that the client has named. */
  readonly connection: ConnectionActor | undefined;
}

/** Reads and changes the values of threads for clients without a connection of their own. */
export class ValueRoute {
  readonly #door: HubDoor;
  readonly #admission: Admission;
  /** Changes a second: of a user, or without one, of an address. */
  readonly #rates: InputBudgets;
  #requests = 0;

  constructor(door: HubDoor, admission: Admission) {
    this.#door = door;
    this.#admission = admission;
    const { settings, now } = door.context;
    const rate = settings.values.maxPerSecond;
    const rates = { perConnection: rate, perUser: rate, perAddress: rate, total: Infinity };
    this.#rates = new InputBudgets(rates, now);
  }

  /** The JSON of all values. @throws LogUnavailableError, LogUnsupportedError */
  async read(threadId: string): Promise<Buffer> {
    const values = await valuesOf(this.#door.context).read(threadId);
    return Buffer.from(`{"values":{${values.map(({ key, json }) => `${JSON.stringify(key)}:${json}`).join(',')}}}`);
  }

  /** As a `val` of a connection. @throws Problem */
  async change(
    { threadId, key, value, connection }: ValueChangeRequest,
    visitor: Visitor,
    exchange: Exchange,
  ): Promise<void> {
    const { context, port } = this.#door;
    const query = queryOf(exchange);
    const own = textIn(query, 'owned') === '1';
    if (own && connection === undefined) throw unknownConnection();
    const request = { t: 'val', th: threadId, id: '', key, d: value, ms: millisecondsIn(query), own } as const;
    let isDone = false;
    const answers = {
      accept: () => {
        isDone = true;
      },
      refuse: (_: unknown, code: string, { why, paths }: { why?: string; paths?: readonly string[] } = {}) => {
        throw problemOf(code, why, paths && { paths });
      },
    };
    const setter = this.#setterOf(visitor, exchange, connection, own);
    const rate = { take: (cost: number) => this.#take(visitor, cost) };
    try {
      await new ValueRequests(setter, { ...context, values: port.values }, answers, rate).perform(request);
    } catch (error) {
      throw error instanceof ValueLimitError && error.limit === 'values.maxPerSecond' ? tooMany(error) : error;
    }
    if (isDone) return;
    if (own && context.status.isRunning) throw unknownConnection();
    throw new Problem(503, 'unavailable', 'the server stops');
  }

  #setterOf(
    visitor: Visitor,
    exchange: Exchange,
    connection: ConnectionActor | undefined,
    isOwned: boolean,
  ): ValueSetter {
    const { context } = this.#door;
    const own = this.#admission.settingsOf(visitor, exchange);
    const settings = connection === undefined ? own : { ...own, id: connection.id };
    return {
      settings,
      connection: connection ?? new AbsentConnection(settings),
      // what an ended connection owns would stay
      get isOver() {
        return !context.status.isRunning || (isOwned && connection?.state === 'evicted');
      },
      isIn: () => false,
      mayPublish: (threadId) => this.#admission.isAllowedIn(visitor, threadId),
    };
  }

  #take({ userId, address = '' }: Visitor, cost: number): boolean {
    if (++this.#requests % SWEEP_EVERY === 0) this.#rates.sweep();
    return this.#rates.charge(userId === undefined ? { userId, address } : { userId, address: undefined }, cost);
  }
}

/** A text that is none is refused as such. */
function millisecondsIn(query: URLSearchParams): number | undefined {
  const text = textIn(query, 'ttlMs');
  if (text === undefined) return undefined;
  return /^\d{1,15}$/.test(text) ? Number(text) : NaN;
}

const tooMany = ({ message }: ValueLimitError): Problem =>
  new Problem(429, 'TC_VALUE_LIMIT', message, { headers: { 'retry-after': String(RETRY_AFTER_S) } });
