import type { Thread } from '../api/thread.ts';
import type { ConnectionActor } from '../actors/connection/connection.ts';
import { costs } from '../actors/connection/input-costs.ts';
import type { HubDoor } from '../actors/gateway/hub-door.ts';
import { ThreadcastError } from '../infra/errors.ts';
import { queryOf } from '../infra/socket/request-target.ts';
import { Admission, type Visitor } from './admission.ts';
import { ByteHold } from './byte-hold.ts';
import { acknowledge, receiveFrames } from './client-frames.ts';
import { corsHeaders, PREFLIGHT } from './cors.ts';
import { EventRoutes } from './event-routes.ts';
import type { Exchange, HeaderList } from './exchange.ts';
import { pageJson } from './history-route.ts';
import { LinkTable, secretKey } from './link-table.ts';
import type { HttpSettings } from './options.ts';
import { poll } from './poll-route.ts';
import { Problem, problemFrom, problemOf } from './problem.ts';
import { messageIn, parseBody, publish } from './publish-route.ts';
import { assertMethod, keyIn, numberIn, textIn, threadIn, type Route } from './router.ts';
import { readStream } from './stream-route.ts';
import { ValueRoute } from './value-route.ts';

const JSON_HEADERS: HeaderList = {
  'content-type': 'application/json',
  'cache-control': 'no-store',
  'x-content-type-options': 'nosniff',
};

/** Pages of history that are read at the same time: each may hold 4 MiB, or one big message. */
const MAX_PAGES = 32;

/** A hub, as far as requests need it by its public name. */
export interface HistoryOf {
  thread(threadId: string): Pick<Thread, 'history'>;
}

/** Answers the requests of one handler. */
export class HttpDoor {
  readonly #hub: HistoryOf;
  readonly #door: HubDoor;
  readonly #settings: HttpSettings;
  readonly #admission: Admission;
  readonly #links = new LinkTable();
  readonly #events: EventRoutes;
  readonly #values: ValueRoute;
  readonly #hold: ByteHold;
  /** A client's frames that are too large are answered one by one, as over a WebSocket. */
  readonly #frameBytes: number;
  #pending = 0;
  #pages = 0;

  constructor(hub: HistoryOf, door: HubDoor, settings: HttpSettings) {
    this.#hub = hub;
    this.#door = door;
    this.#settings = settings;
    this.#admission = new Admission(door, settings);
    this.#events = new EventRoutes(door, this.#admission, this.#links);
    this.#values = new ValueRoute(door, this.#admission);
    this.#frameBytes = door.context.settings.input.maxFrameBytes;
    this.#hold = new ByteHold(door.context.settings.input.maxUnfinishedBytes);
  }

  /** Never rejects. */
  async answer(route: Route, exchange: Exchange): Promise<void> {
    let headers: HeaderList = {};
    let visitor: Visitor | undefined;
    this.#pending++;
    try {
      this.#admission.assertOrigin(exchange);
      headers = corsHeaders(exchange.headers.origin, this.#settings.allowedOrigins === '*');
      if (exchange.method === 'OPTIONS') {
        exchange.send(204, { ...headers, ...PREFLIGHT });
        return;
      }
      assertMethod(route, exchange.method);
      if (this.#pending > this.#settings.maxPendingRequests) throw new Problem(503, 'unavailable', 'too many requests');
      if (route.to === 'link' && exchange.method === 'POST') {
        // the key of its connection says who it is
        this.#admission.chargeStranger(exchange);
        await receiveFrames(await this.#bodyOf(exchange, this.#frameBytes), this.#links);
        exchange.send(204, headers);
        return;
      }
      visitor = await this.#admission.admit(exchange);
      await this.#serve(route, exchange, visitor, headers);
    } catch (error) {
      this.#fail(error, exchange, visitor, headers);
    } finally {
      this.#pending--;
    }
  }

  async #serve(route: Route, exchange: Exchange, visitor: Visitor, headers: HeaderList): Promise<void> {
    switch (route.to) {
      case 'events':
        return this.#events.open(this.#events.ofThread(threadIn(route.segment), exchange), exchange, visitor, headers);
      case 'all-events':
        return this.#events.open(this.#events.ofThreads(exchange), exchange, visitor, headers);
      case 'link': {
        const key = secretKey();
        return this.#events.open(this.#events.ofClient(key), exchange, visitor, headers, key);
      }
      case 'acks':
        acknowledge(await this.#jsonOf(exchange, visitor), this.#links, visitor.userId);
        exchange.send(204, headers);
        return undefined;
      case 'poll':
      case 'stream': {
        const who = { visitor, admission: this.#admission, door: this.#door, hold: this.#hold };
        const what = { threadId: threadIn(route.segment), ...who, headers: { ...JSON_HEADERS, ...headers } };
        return route.to === 'poll' ? poll(exchange, what) : readStream(exchange, what, this.#events);
      }
      case 'values':
        return this.#readValues(threadIn(route.segment), exchange, visitor, headers);
      case 'value': {
        const [threadId, key] = [threadIn(route.segment), keyIn(route.key)];
        const value = exchange.method === 'DELETE' ? undefined : await this.#jsonOf(exchange, visitor);
        if (value === undefined) this.#admission.charge(visitor, costs.request);
        const connection = this.#streamOf(exchange, visitor);
        await this.#values.change({ threadId, key, value, connection }, visitor, exchange);
        exchange.send(204, headers);
        return undefined;
      }
      case 'messages': {
        const threadId = threadIn(route.segment);
        if (exchange.method === 'GET') return this.#history(threadId, exchange, visitor, headers);
        return this.#publish(threadId, exchange, visitor, headers);
      }
    }
  }

  async #publish(threadId: string, exchange: Exchange, visitor: Visitor, headers: HeaderList): Promise<void> {
    const body = await this.#bodyOf(exchange);
    const data = messageIn(body, exchange, visitor, this.#admission, this.#settings.maxBodyBytes);
    const hub = { admission: this.#admission, door: this.#door, connection: this.#streamOf(exchange, visitor) };
    exchange.send(200, { ...headers, ...JSON_HEADERS }, await publish(threadId, data, visitor, exchange, hub));
  }

  async #readValues(threadId: string, exchange: Exchange, visitor: Visitor, headers: HeaderList): Promise<void> {
    await this.#assertMayEnter(visitor, threadId);
    this.#admission.charge(visitor, costs.request);
    const json = await this.#values.read(threadId);
    if (!this.#hold.take(json.length)) throw new Problem(503, 'unavailable', 'too many answers wait');
    exchange.send(200, { ...headers, ...JSON_HEADERS }, [json], () => this.#hold.give(json.length));
  }

  /** The event stream of the same client, if it has named one. */
  #streamOf(exchange: Exchange, { userId }: Visitor): ConnectionActor | undefined {
    const open = this.#links.ofUser(queryOf(exchange).get('sid'), userId);
    return open && this.#door.connection(open.sid);
  }

  /** @throws Problem, and what the application throws */
  async #assertMayEnter(visitor: Visitor, threadId: string): Promise<void> {
    if (!(await this.#admission.isAllowedIn(visitor, threadId))) throw problemOf('forbidden');
  }

  async #history(threadId: string, exchange: Exchange, visitor: Visitor, headers: HeaderList): Promise<void> {
    const query = queryOf(exchange);
    const limit = numberIn(query, 'limit', 100, 1_000);
    await this.#assertMayEnter(visitor, threadId);
    this.#admission.charge(visitor, 1 + limit / 48);
    if (this.#pages >= MAX_PAGES) throw new Problem(503, 'unavailable', 'too many pages are being read');
    this.#pages++;
    try {
      const range = { before: textIn(query, 'before'), after: textIn(query, 'after'), limit: Math.max(1, limit) };
      const json = await pageJson(await this.#hub.thread(threadId).history(range), this.#door.context);
      const bytes = json.reduce((sum, { length }) => sum + length, 0);
      if (!this.#hold.take(bytes)) throw new Problem(503, 'unavailable', 'too many answers wait');
      exchange.send(200, { ...headers, ...JSON_HEADERS }, json, () => this.#hold.give(bytes));
    } finally {
      this.#pages--;
    }
  }

  async #jsonOf(exchange: Exchange, visitor: Visitor): Promise<unknown> {
    const body = await this.#bodyOf(exchange);
    return parseBody(body, exchange, visitor, this.#admission, this.#settings.maxBodyBytes);
  }

  #bodyOf(exchange: Exchange, maxBytes = this.#settings.maxBodyBytes): Promise<Buffer> {
    const { bodyTimeoutMs } = this.#settings;
    return exchange.body({ maxBytes, timeoutMs: bodyTimeoutMs, clock: this.#door.context.clock, hold: this.#hold });
  }

  /** A failure of the application or of the library is reported, and its text stays here. */
  #fail(error: unknown, exchange: Exchange, visitor: Visitor | undefined, headers: HeaderList): void {
    // before the client is known, only the application can have caused an error
    const isOurs = !(error instanceof Problem) && (visitor === undefined || !(error instanceof ThreadcastError));
    const problem = isOurs ? problemOf('internal') : problemFrom(error);
    this.#admission.note(problem, exchange, visitor);
    if (isOurs && !exchange.isGone) this.#door.context.report(error);
    const types = { 'content-type': 'application/problem+json', 'cache-control': 'no-store' };
    exchange.send(problem.status, { ...headers, ...types, ...problem.headers }, problem.body);
  }
}
