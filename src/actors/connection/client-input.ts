import { TooManyThreadsError } from '../../infra/errors.ts';
import type { ProtocolSession } from '../../api/protocol.ts';
import { closeCodes, type CloseCode } from '../../infra/wire/close-codes.ts';
import { weighJson } from '../../infra/wire/json-weight.ts';
import type { ConnectionServices } from './connection-services.ts';
import { ClientRequests } from './client-requests.ts';
import type { ClientSession } from './client-session.ts';
import { costs, isTooComplex, MOST_WAITING } from './input-costs.ts';
import type { InputAccount } from './input-budgets.ts';
import { ReadingPace } from './reading-pace.ts';
import { WireOverhead } from './wire-overhead.ts';
import type { IntakeMember, Step } from './intake.ts';
import { RequestBacklog } from './request-backlog.ts';
import {
  headOfPublish,
  notices,
  parseBinary,
  parseFrame,
  type Acknowledged,
  type ClientFrame,
  type InboxJoin,
  type Join,
  type Request,
} from './wire-protocol.ts';

/** Frames up to this size are parsed in microseconds, whatever they contain. */
const SMALL_BYTES = 512;

interface RawFrame {
  readonly data: Uint8Array;
  readonly isBinary: boolean;
}

/**
 * What a client has sent and the hub has not handled yet. Frames are accepted and charged as they come. When the intake gives this
 * connection its turn, frames are read and their requests performed. Every frame ends in an answer, a close code or nothing, never in a
 * throw.
 */
export class ClientInput implements IntakeMember {
  readonly #session: ClientSession;
  readonly #services: ConnectionServices;
  readonly #requests: ClientRequests;
  readonly #account: InputAccount;
  readonly #pace: ReadingPace;
  readonly #backlog: RequestBacklog;
  /** Another protocol than ours, which reads the frames. */
  readonly #protocol: ProtocolSession | undefined;
  /** It is at work with a frame. */
  #isBusy = false;
  #frames: RawFrame[] = [];
  /** How many of the frames have been read. */
  #read = 0;
  /** Bytes of unread frames. */
  #unreadBytes = 0;
  readonly #overhead = new WireOverhead();
  #heardAt: number;

  constructor(session: ClientSession, services: ConnectionServices) {
    const { clock, report, budgets, requestSlots, now } = services;
    this.#session = session;
    this.#services = services;
    this.#pace = new ReadingPace(session.line, clock, () => this.#read < this.#frames.length, report);
    this.#requests = new ClientRequests(session, services);
    this.#account = budgets.open(session.settings);
    this.#backlog = new RequestBacklog(
      requestSlots,
      (request) => this.#requests.perform(request),
      () => this.goOn(),
    );
    this.#heardAt = now();
    this.#protocol = session.openProtocol((points) => this.#pay(points));
  }

  /** Bytes of frames and requests that wait. */
  get waitingBytes(): number {
    return this.#unreadBytes + this.#backlog.bytes;
  }

  /** When the client last sent something. */
  get heardAt(): number {
    return this.#heardAt;
  }

  /** @param readBytes all bytes that came from the client, if the link counts them */
  take(data: Uint8Array, isBinary: boolean, readBytes: number | undefined): void {
    this.#heardAt = this.#services.now();
    this.#pace.note(readBytes);
    const { maxInputBytes } = this.#session.settings;
    const overhead = readBytes === undefined ? 0 : this.#overhead.after(data.length, readBytes);
    if (!this.#pay(costs.arrival(data.length, maxInputBytes) + costs.overhead(overhead))) return;
    if (data.length > maxInputBytes) return this.#refuseOversized(data, isBinary);
    const isTooMuch = this.waitingBytes > MOST_WAITING.fullFrames * maxInputBytes;
    if (isTooMuch || this.#frames.length - this.#read >= MOST_WAITING.frames) return this.#shun(closeCodes.rateLimited);
    this.#frames.push({ data, isBinary });
    this.#unreadBytes += data.length;
    return this.#services.intake.add(this);
  }

  /** A ping, or a pong that answers no ping of ours. */
  takeControl(): void {
    this.#pace.note(undefined);
    this.#pay(costs.control);
  }

  /** A frame that arrives after the connection's end. */
  ignore(readBytes: number | undefined): void {
    this.#pace.note(readBytes);
  }

  /** The joins that the client's URL asks for. */
  join(joins: readonly (Join | InboxJoin)[]): void {
    for (const join of joins) {
      if (!this.#pay(costs.request)) return;
      if (join.t === 'join') this.#join(join);
      else this.#ask(join, 0);
    }
    this.goOn();
  }

  /** The connection accepts answers again. */
  goOn(): void {
    if (this.hasWork) this.#services.intake.add(this);
  }

  /** The client is given what it has been given before, because it asked for it again. */
  payForReread(entries: number, bytes: number): void {
    this.#pay(costs.reread(entries, bytes));
  }

  /** The connection has ended. */
  end(): void {
    this.#account.close();
    this.#protocol?.end();
    this.#frames = [];
    this.#read = 0;
  }

  // --- IntakeMember

  get hasWork(): boolean {
    return !this.#session.isOver && !this.#isBusy && (this.#read < this.#frames.length || this.#canStart);
  }

  step(): Step {
    if (this.#session.isOver || this.#isBusy) return 'done';
    const frame = this.#frames[this.#read];
    if (frame !== undefined) {
      if (++this.#read === this.#frames.length) {
        this.#frames = [];
        this.#read = 0;
      }
      if (this.#protocol !== undefined) void this.#pass(frame, this.#protocol);
      else {
        this.#unreadBytes -= frame.data.length;
        this.#readFrame(frame);
      }
      return 'done';
    }
    if (!this.#canStart) return 'done';
    if (this.#backlog.start()) return 'begun';
    return this.#session.isBehind ? 'owing' : 'done';
  }

  /** A client that does not read its answers gets no more of them. */
  get #canStart(): boolean {
    return this.#session.takesAnswers && this.#backlog.canStart(this.#session.takesJoins);
  }

  /** The bytes count as unread until the protocol is done with them. Never rejects. */
  async #pass({ data, isBinary }: RawFrame, protocol: ProtocolSession): Promise<void> {
    this.#isBusy = true;
    try {
      if (this.#pay(costs.request)) await protocol.take(data, isBinary);
    } catch (error) {
      this.#session.line.onBroken(error);
    }
    this.#isBusy = false;
    this.#unreadBytes -= data.length;
    this.goOn();
  }

  #readFrame({ data, isBinary }: RawFrame): void {
    const session = this.#session;
    const { format, maxInputBytes } = session.settings;
    if (format === 'plain') {
      if (!this.#pay(costs.request)) return;
      session.emit({
        threadId: undefined,
        id: undefined,
        data: isBinary ? data : textOf(data),
        trace: undefined,
      });
      return;
    }
    if (data.length > SMALL_BYTES && !isBinary) {
      const weight = weighJson(data);
      if (!this.#pay(costs.parsing(weight))) return;
      if (isTooComplex(weight, maxInputBytes)) return this.#refuseUnread(data, isBinary, 'too-complex');
    }
    const frame = isBinary ? parseBinary(data) : parseFrame(data);
    if (frame === undefined) this.#shun(closeCodes.badMessage);
    else if (frame === 'ignored') this.#pay(costs.request);
    else this.#dispatch(frame, data.length);
  }

  #dispatch(frame: ClientFrame, bytes: number): void {
    if (frame.t === 'acks') return this.#acknowledge(frame.acks, bytes);
    if (frame.t === 'joins') return this.#joinAll(frame.joins);
    if (frame.t === 'join') return this.#joinAll([frame]);
    if (!this.#pay(frame.t === 'renew' ? costs.handshake : costs.request)) return undefined;
    if (frame.t === 'cancel' && this.#session.isIn(frame.th)) {
      // an `onPublish` that answers with a stream and awaits its end must not delay the cancel
      void this.#requests.perform(frame);
      return undefined;
    }
    return this.#ask(frame, bytes);
  }

  /** Handles any request except a join. */
  #ask(request: Exclude<Request, Join>, bytes: number): void {
    if (!this.#backlog.add(request, bytes)) this.#shun(closeCodes.rateLimited);
  }

  /**
   * Acknowledgements are cumulative, so they need not wait for earlier requests. The protocol requires them, so they are not charged: each
   * message that the client was sent is news at most once.
   */
  #acknowledge(acks: readonly Acknowledged[], bytes: number): void {
    let isNews = false;
    for (const [threadId, offset] of acks) isNews = this.#session.ack(threadId, offset) || isNews;
    if (isNews) this.#session.line.liveness.acknowledged();
    if (isNews) this.#account.give(costs.arrival(bytes, this.#session.settings.maxInputBytes));
    else this.#pay(costs.request);
  }

  #joinAll(joins: readonly Join[]): void {
    if (joins.length > 1 && this.#backlog.isOverrunByJoins) return this.#shun(closeCodes.rateLimited);
    for (const join of joins) {
      if (!this.#pay(costs.join)) return undefined;
      this.#join(join);
    }
    return undefined;
  }

  #join(join: Join): void {
    const session = this.#session;
    const limit = this.#services.settings.input.maxThreadsPerConnection;
    const isNew = !session.isIn(join.th);
    const threads = session.joinedThreads + this.#backlog.newThreads;
    if (isNew && !this.#backlog.isJoining(join.th) && threads >= limit) {
      this.#requests.fail(join, new TooManyThreadsError({ connectionId: session.settings.id, limit }));
      return;
    }
    this.#backlog.addJoin(join, isNew);
  }

  #refuseOversized(data: Uint8Array, isBinary: boolean): void {
    const { format } = this.#session.settings;
    const { maxFrameBytes } = this.#services.settings.input;
    if (format === 'plain' || data.length > maxFrameBytes) this.#shun(closeCodes.tooBig);
    else this.#refuseUnread(data, isBinary, 'TC_MESSAGE_TOO_LARGE');
  }

  /** Reads only the beginning of a frame that is not parsed: enough to name the refused message. */
  #refuseUnread(data: Uint8Array, isBinary: boolean, code: string): void {
    this.#session.line.sendNotice(notices.error(code, headOfPublish(data, isBinary)));
  }

  /** False if the cost exceeds what is left, which ends the connection. */
  #pay(cost: number): boolean {
    if (this.#account.take(cost)) return true;
    this.#shun(closeCodes.rateLimited);
    return false;
  }

  #shun(code: CloseCode): void {
    this.#session.line.evict(code);
  }
}

function textOf(data: Uint8Array): string {
  return Buffer.from(data.buffer, data.byteOffset, data.length).toString();
}
