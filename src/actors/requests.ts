import { closeCodes } from '../infra/close-codes.ts';
import { ThreadcastError } from '../infra/errors.ts';
import { assertThreadId } from '../infra/ids.ts';
import type { ConnectionActor } from './connection.ts';
import { LaneQueue } from './lane-queue.ts';
import { notices, parseRequest, type Request } from './protocol.ts';

/** Requests of one client that may wait for the application's `authorize`. */
const MAX_WAITING = 4_096;

/**
 * Answers what a client sends, in its order: a leave must not overtake the join before it. Whatever it is, it ends in an
 * answer, a close code or nothing, never in a throw.
 */
export class Requests {
  readonly #connection: ConnectionActor;
  readonly #report: (error: unknown) => void;
  readonly #queue = new LaneQueue();
  #waiting = 0;

  constructor(connection: ConnectionActor, report: (error: unknown) => void) {
    this.#connection = connection;
    this.#report = report;
  }

  take(data: Uint8Array, isBinary: boolean): void {
    const connection = this.#connection;
    if (connection.format === 'plain') {
      connection.emit('message', {
        threadId: undefined,
        id: undefined,
        data: isBinary ? data : textOf(data),
        trace: undefined,
      });
      return;
    }
    const request = isBinary ? undefined : parseRequest(data);
    if (request === 'ignored') return;
    if (request === undefined) connection.evict(closeCodes.badMessage);
    else if (this.#waiting >= MAX_WAITING) connection.evict(closeCodes.rateLimited);
    else this.#enqueue(request);
  }

  #enqueue(request: Request): void {
    this.#waiting++;
    this.#queue
      .enqueue(Promise.resolve(), () => this.#perform(request))
      .catch((error: unknown) => this.#refuse(request, error))
      .finally(() => this.#waiting--);
  }

  async #perform(request: Request): Promise<void> {
    const connection = this.#connection;
    if (connection.state === 'evicted') return;
    switch (request.t) {
      case 'join':
        assertThreadId(request.th);
        if (!(await connection.mayJoin(request.th))) connection.tell(notices.error('forbidden', request.th));
        else await connection.rejoin(request.th, request.from);
        return;
      case 'leave':
        connection.leave(request.th);
        return;
      case 'pub':
        connection.emit('message', { threadId: request.th, id: request.id, data: request.d, trace: request.tp });
        return;
      case 'ack':
        connection.ack(request.th, request.o);
        return;
    }
  }

  #refuse(request: Request, error: unknown): void {
    if (this.#connection.state === 'evicted') return;
    const isKnown = error instanceof ThreadcastError;
    this.#connection.tell(notices.error(isKnown ? error.code : 'internal', request.th));
    if (!isKnown) this.#report(error);
  }
}

function textOf(data: Uint8Array): string {
  return Buffer.from(data.buffer, data.byteOffset, data.length).toString();
}
