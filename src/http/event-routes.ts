import type { Join, InboxJoin } from '../actors/connection/wire-protocol.ts';
import type { HubDoor } from '../actors/gateway/hub-door.ts';
import { assertThreadId, parsePosition } from '../infra/log/ids.ts';
import { queryOf } from '../infra/socket/request-target.ts';
import type { Admission, Visitor } from './admission.ts';
import { EventLink, type EventAnswer, type EventStyle } from './event-link.ts';
import type { Exchange, HeaderList } from './exchange.ts';
import { OpenLink, secretKey, type LinkTable } from './link-table.ts';
import { FrameEvents } from './events.ts';
import { ManyPlaces, noPlaces, positionsIn, ThreadPlaces, type Places } from './places.ts';
import { positionLost, Problem, problemOfClose } from './problem.ts';
import { textIn } from './router.ts';
import type { Sink, SinkListener } from './sink.ts';
import { StreamEvents } from './stream-events.ts';

/** Threads in one event stream. */
const MAX_THREADS = 16;

/** Neither a cache, a proxy that buffers (nginx knows the last one), nor one that compresses may hold an event back. */
const EVENT_HEADERS: HeaderList = {
  'content-type': 'text/event-stream; charset=utf-8',
  'cache-control': 'no-store, no-transform',
  'x-accel-buffering': 'no',
  'x-content-type-options': 'nosniff',
};

/** The protocol wants these words. */
const STREAM_HEADERS: HeaderList = {
  'content-type': 'text/event-stream',
  'cache-control': 'no-cache, no-store, no-transform',
};

/** What one stream reads. */
interface Plan {
  readonly style: EventStyle;
  readonly joins: readonly (Join | InboxJoin)[];
  /** Called with the connection when there is one. */
  readonly watch?: ((connection: { readonly stats: { readonly behind: number } }) => void) | undefined;
  /** Of the answer, besides those of all event streams. */
  readonly headers?: HeaderList | undefined;
  /** Its client gets nothing but the thread. */
  readonly isReader?: boolean | undefined;
}

/** Opens event streams: each is a connection of the hub. */
export class EventRoutes {
  readonly #door: HubDoor;
  readonly #admission: Admission;
  readonly #links: LinkTable;

  constructor(door: HubDoor, admission: Admission, links: LinkTable) {
    this.#door = door;
    this.#admission = admission;
    this.#links = links;
  }

  /** The events of one thread. @throws Problem, InvalidPositionError */
  ofThread(threadId: string, exchange: Exchange): Plan {
    const query = queryOf(exchange);
    const from = placeOf(lastEventId(exchange) ?? textIn(query, 'from'));
    return planOf([threadId], [from], new ThreadPlaces(threadId, from), query);
  }

  /** The events of all threads in the query. @throws Problem, InvalidThreadIdError, InvalidPositionError */
  ofThreads(exchange: Exchange): Plan {
    const query = queryOf(exchange);
    const threads = [...new Set(query.getAll('thread'))];
    if (threads.length === 0 || threads.length > MAX_THREADS)
      throw new Problem(400, 'bad-request', `name 1 to ${MAX_THREADS} threads: ?thread=a&thread=b`);
    threads.forEach(assertThreadId);
    const places = query.getAll('from');
    const known = lastEventId(exchange) ?? (places.length === 1 ? places[0] : undefined);
    const from = known === undefined ? places : positionsIn(known, threads.length);
    if (from === undefined || (from.length > 0 && from.length !== threads.length))
      throw new Problem(400, 'TC_INVALID_POSITION', 'from has a position for each thread, or is the id of an event');
    const positions = threads.map((_, i) => placeOf(from[i] || undefined));
    return planOf(threads, positions, new ManyPlaces(threads, positions), query);
  }

  /** The events of a thread as Durable Streams has them. @param from where to join */
  ofStream(threadId: string, from: string | undefined, cursor: string): Plan {
    const events = new StreamEvents(threadId, from, cursor);
    const watch: Plan['watch'] = (connection) => {
      events.isBehind = () => connection.stats.behind > 0;
    };
    const join: Join = { t: 'join', th: threadId, from, join: { isInOrder: true }, isInUrl: true };
    return {
      style: { events, joins: 1, isWhole: true },
      joins: [join],
      headers: STREAM_HEADERS,
      watch,
      isReader: true,
    };
  }

  /** A connection of `threadcast/client`: its frames come in requests of their own. */
  ofClient(key: string): Plan {
    const greeting = JSON.stringify({ t: 'link', key });
    return { style: { events: new FrameEvents(noPlaces, 'json'), joins: 0, greeting }, joins: [] };
  }

  /** Answers when there is a place for the connection, and its threads are joined. @throws Problem */
  async open(plan: Plan, exchange: Exchange, visitor: Visitor, headers: HeaderList, key = secretKey()): Promise<void> {
    await this.#admission.assertRoom(visitor, exchange);
    if (exchange.isGone) return;
    const settings = { ...this.#admission.settingsOf(visitor, exchange), isReader: plan.isReader };
    const head = { ...headers, ...EVENT_HEADERS, ...plan.headers };
    const connection = this.#door.port.accept((listener) => {
      const answer = new RequestedEvents(exchange, head, () => this.#links.delete(settings.id));
      const link = new EventLink(answer, plan.style, listener);
      exchange.onGone(link.onClose);
      this.#links.add(new OpenLink({ link, sid: settings.id, key, userId: visitor.userId }));
      return link;
    }, settings);
    plan.watch?.(connection);
    if (plan.joins.length > 0) connection.joinFromUrl(plan.joins);
  }
}

/** The answer to one request for events. */
class RequestedEvents implements EventAnswer {
  readonly #exchange: Exchange;
  /** Undefined once it has been sent. */
  #head: HeaderList | undefined;
  readonly ended: () => void;

  constructor(exchange: Exchange, head: HeaderList, ended: () => void) {
    this.#exchange = exchange;
    this.#head = head;
    this.ended = ended;
  }

  open(listener: SinkListener): Sink {
    const open = this.#exchange.open(200, this.#head ?? {});
    this.#head = undefined;
    return open(listener);
  }

  refuse(code: number, reason: string): void {
    this.#send(problemOfClose(code, reason));
  }

  refuseLost(): void {
    this.#send(positionLost());
  }

  abort(): void {
    this.#exchange.abort();
  }

  #send({ status, body }: Problem): void {
    this.#exchange.send(status, { ...this.#head, 'content-type': 'application/problem+json' }, body);
  }
}

function planOf(
  threads: readonly string[],
  from: readonly (string | undefined)[],
  places: Places,
  query: URLSearchParams,
): Plan {
  const format = query.get('format') ?? 'json';
  if (format !== 'json' && format !== 'plain') throw new Problem(400, 'bad-request', 'format is json or plain');
  const inbox = query.get('inbox');
  const values = textIn(query, 'values') === '1';
  if (values && format === 'plain') throw new Problem(400, 'bad-request', 'values have no plain format');
  const isInUrl = true;
  const joins: (Join | InboxJoin)[] = threads.map((th, i) => ({
    t: 'join',
    th,
    from: from[i],
    join: { values },
    isInUrl,
  }));
  if (inbox !== null) joins.unshift({ t: 'inbox', from: placeOf(inbox || undefined), join: {}, isInUrl });
  const style = { events: new FrameEvents(places, format), joins: joins.length, hasInbox: inbox !== null };
  return { style, joins };
}

/** An `EventSource` that comes back says what it has. */
function lastEventId({ headers }: Exchange): string | undefined {
  const id = headers['last-event-id'];
  return typeof id === 'string' && id !== '' ? id : undefined;
}

/** @throws InvalidPositionError */
function placeOf(from: string | undefined): string | undefined {
  if (from !== undefined && from !== 'start') parsePosition(from);
  return from;
}
