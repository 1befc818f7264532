import { closeCodes } from '../../infra/wire/close-codes.ts';
import {
  AnswerTimeoutError,
  HubClosedError,
  InvalidOptionError,
  LogUnavailableError,
  ThreadcastError,
  ThreadClosedError,
} from '../../infra/errors.ts';
import { Refusal } from '../../api/refusal.ts';
import { assertThreadId, isId } from '../../infra/log/ids.ts';
import type { ConnectionActor } from './connection.ts';
import type { ConnectionServices } from './connection-services.ts';
import { guarded } from '../support/emitter.ts';
import { withDeadline } from '../support/callback-deadline.ts';
import { MAX_LIST, notices, parseFrame, type Acknowledged, type Join, type Request } from './wire-protocol.ts';
import type { JoiningClient } from './join-pacer.ts';
import { RateLimiter } from './rate-limiter.ts';
import type { PublishAnswer } from '../../api/connection.ts';

/** Requests of one client that may wait for the application's `authorize` and `onPublish`. */
const MAX_WAITING = 4_096;

/** Their bytes, in frames of the largest size: a hundred small ones are nothing, a hundred of a megabyte are an attack. */
const MAX_WAITING_FRAMES = 16;

/** What the client is told where the application refuses with an HTTP status. */
const REFUSALS: Readonly<Record<number, string>> = {
  401: 'unauthenticated',
  403: 'forbidden',
  429: 'rate-limited',
  503: 'unavailable',
};

/**
 * Answers what a client sends, in its order: a leave must not overtake the join before it. Whatever it is, it ends in an
 * answer, a close code or nothing, never in a throw.
 */
export class ClientRequests implements JoiningClient {
  readonly #connection: ConnectionActor;
  readonly #engine: ConnectionServices;
  #last: Promise<unknown> = Promise.resolve();
  readonly #rate: RateLimiter;
  #waiting = 0;
  #waitingBytes = 0;
  /** Of a list of joins, those that have not begun; undefined where there are none, which is nearly always. */
  #listed: Map<string, Join> | undefined;

  constructor(connection: ConnectionActor, engine: ConnectionServices) {
    this.#connection = connection;
    this.#engine = engine;
    this.#rate = new RateLimiter(engine.settings.maxInputPerSecond, engine.now());
  }

  /** When the client last said something. */
  get heardAt(): number {
    return this.#rate.at;
  }

  take(data: Uint8Array, isBinary: boolean): void {
    const connection = this.#connection;
    if (!this.#rate.take(this.#engine.now())) return connection.evict(closeCodes.rateLimited);
    if (connection.format === 'plain') {
      const text = isBinary ? data : textOf(data);
      connection.emit('message', { threadId: undefined, id: undefined, data: text, trace: undefined });
      return undefined;
    }
    const request = isBinary ? undefined : parseFrame(data);
    if (request === 'ignored') return undefined;
    if (request === undefined) return connection.evict(closeCodes.badMessage);
    if (request.t === 'acks') return this.#acknowledge(request.acks);
    if (request.t === 'joins') return this.#list(request.joins);
    const maxBytes = MAX_WAITING_FRAMES * connection.maxInputBytes;
    if (this.#waiting >= MAX_WAITING || this.#waitingBytes > maxBytes) return connection.evict(closeCodes.rateLimited);
    if ('th' in request) this.#begin(request.th);
    return this.#enqueue(request, data.length);
  }

  /** Cumulative, so they need not wait for the requests before them. */
  #acknowledge(acks: readonly Acknowledged[]): void {
    let isNews = false;
    for (const [threadId, offset] of acks) isNews = this.#connection.ack(threadId, offset) || isNews;
    // at most one for each message that it was sent
    if (isNews) this.#rate.giveBack();
  }

  /** Its client waits for the answers before it asks for many more. */
  #list(joins: readonly Join[]): void {
    if ((this.#listed?.size ?? 0) > MAX_LIST) return this.#connection.evict(closeCodes.rateLimited);
    for (const join of joins) {
      this.#begin(join.th);
      (this.#listed ??= new Map()).set(join.th, join);
    }
    return this.goOn();
  }

  /** The connection takes answers again. */
  goOn(): void {
    if (this.#listed !== undefined) this.#engine.joins.add(this);
  }

  joinNext(): boolean {
    const [threadId] = this.#listed?.keys() ?? [];
    // where it takes none, `goOn` follows
    if (threadId === undefined || !this.#connection.takesAnswers) return false;
    this.#begin(threadId);
    return this.#listed !== undefined;
  }

  /** A listed join of this thread has its turn now: what else the client asks of the thread comes after it. */
  #begin(threadId: string): void {
    const join = this.#listed?.get(threadId);
    if (join === undefined) return;
    this.#listed?.delete(threadId);
    if (this.#listed?.size === 0) this.#listed = undefined;
    this.#enqueue(join, 0);
  }

  #enqueue(request: Request, bytes: number): void {
    this.#waiting++;
    this.#waitingBytes += bytes;
    // an `onPublish` that answers with a stream and waits for its end must not keep the cancel waiting
    const isUrgent = request.t === 'cancel' && this.#connection.isIn(request.th);
    const performed = isUrgent ? this.#perform(request) : this.#last.then(() => this.#perform(request));
    const done = performed
      .catch((error: unknown) => guarded(() => this.#fail(request, error), this.#engine.report))
      .finally(() => {
        this.#waiting--;
        this.#waitingBytes -= bytes;
      });
    if (!isUrgent) this.#last = done;
  }

  async #perform(request: Request): Promise<void> {
    const connection = this.#connection;
    if (connection.state === 'evicted') return;
    switch (request.t) {
      case 'join':
        if (!(await connection.mayJoin(request.th))) this.#refuse(request, 'forbidden');
        else await connection.rejoin(request.th, request.from, request.wish);
        return;
      case 'inbox':
        if (!(await connection.openInbox(request.from, request.wish))) this.#refuse(request, 'forbidden');
        return;
      case 'cancel':
        assertThreadId(request.th);
        if (!(await connection.cancelStream(request.th, request.s))) this.#refuse(request, 'forbidden');
        return;
      case 'leave':
        connection.leave(request.th);
        return;
      case 'pub':
        await this.#publish(request);
        return;
    }
  }

  async #publish(request: Request & { readonly t: 'pub' }): Promise<void> {
    const { th: threadId, id, d: data, tp: trace } = request;
    assertThreadId(threadId);
    if (!isId(id)) throw new InvalidOptionError({ option: 'id', value: id, expected: 'of A-Z a-z 0-9 _ . : -' });
    const connection = this.#connection;
    if (!(await connection.mayPublish(threadId))) {
      this.#refuse(request, 'forbidden');
      return;
    }
    const message = { threadId, id, data, trace };
    const isHeard = connection.emit('message', message);
    const { onPublish } = connection;
    if (onPublish !== undefined) {
      this.#answer(request, await withDeadline('onPublish', onPublish(message, connection), this.#engine));
    } else if (isHeard) this.#answer(request, true);
    else this.#refuse(request, 'unhandled');
  }

  #answer(request: Request & { readonly t: 'pub' }, answer: PublishAnswer): void {
    if (answer === false) this.#refuse(request, 'forbidden');
    else if (answer instanceof Refusal) this.#refuse(request, REFUSALS[answer.status] ?? 'forbidden', answer.message);
    else {
      const position = typeof answer === 'object' ? answer?.position : undefined;
      this.#connection.tell(notices.accepted(request.th, request.id, position));
    }
  }

  #fail(request: Request, error: unknown): void {
    if (this.#connection.state === 'evicted') return;
    const isEnding = error instanceof HubClosedError || error instanceof ThreadClosedError;
    // no answer: the client comes back to another process, and joins or publishes there again
    if (isEnding && !this.#engine.isRunning) return;
    // a client that comes back later joins then; one that is refused would not
    if ('wish' in request && error instanceof LogUnavailableError) {
      this.#connection.evict(closeCodes.overloaded);
      return;
    }
    const isKnown = error instanceof ThreadcastError;
    this.#refuse(request, isKnown ? error.code : 'internal');
    if (!isKnown || error instanceof AnswerTimeoutError) this.#engine.report(error);
  }

  #refuse(request: Request, code: string, why?: string): void {
    // as it came, also where it is no id, but not by the megabyte
    const about = {
      ...('th' in request && isShort(request.th) && { th: request.th }),
      ...('wish' in request && { ref: request.wish.ref }),
      ...(request.t === 'pub' && isShort(request.id) && { id: request.id }),
      ...(why !== undefined && { why }),
    };
    this.#connection.tell(notices.error(code, about));
  }
}

const isShort = (text: string): boolean => text.length <= 256;

function textOf(data: Uint8Array): string {
  return Buffer.from(data.buffer, data.byteOffset, data.length).toString();
}
