import type { Body } from '../api/body.ts';
import type { Link, LinkListener, Piece } from '../api/socket.ts';
import { isOwnThreadId } from '../infra/log/ids.ts';
import { closeCodes } from '../infra/wire/close-codes.ts';
import { chunked, COMMENT, retryLine, textEvent } from './event-bytes.ts';
import { EventEncoder } from './event-encoder.ts';
import type { Events } from './events.ts';
import { readFrames } from './frame-reader.ts';
import type { Sink, SinkListener } from './sink.ts';
import { wordOf } from './words.ts';

/** How the request for an event stream is answered. */
export interface EventAnswer {
  /** Sends the head of a 200. */
  open(listener: SinkListener): Sink;
  /** Sends an error instead: nothing has been sent. */
  refuse(code: number, reason: string): void;
  /** Sends another one: the thread does not go on from where the client stood. */
  refuseLost(): void;
  /** Ends it without an answer. */
  abort(): void;
  /** The response is gone. */
  ended(): void;
}

/** What an event stream does besides the frames of the hub. */
export interface EventStyle {
  readonly events: Events;
  /** Joins that have to succeed before the 200: until then, a refusal has an HTTP status. */
  readonly joins: number;
  /** One of them is of the messages to the user, whose thread the hub may join by itself otherwise. */
  readonly hasInbox?: boolean | undefined;
  /** A client from whose position the thread does not go on is refused: it gets no `gap`. */
  readonly isWhole?: boolean | undefined;
  /** The JSON of an event before all others. */
  readonly greeting?: string | undefined;
}

/** After a close that says "stay away", an `EventSource` comes back all the same: an hour later. */
const AWAY_MS = 3_600_000;

/** After "come back later". */
const LATER_MS = 10_000;

/**
 * An SSE response as a link: the hub's frames are its events. There are no pings: the answer to one only says that what was written before it
 * has been taken.
 */
export class EventLink implements Link, SinkListener {
  readonly confirmsReceipt = false;
  readonly #answer: EventAnswer;
  readonly #listener: LinkListener;
  readonly #encoder: EventEncoder;
  readonly #style: EventStyle;
  /** Writes before the head; undefined after it. */
  #held: { readonly piece: Piece; readonly body: Body | undefined }[] | undefined = [];
  #heldBytes = 0;
  /** Joins that have not been answered. */
  #joins: number;
  #inboxWaits: boolean;
  #sink: Sink | undefined;
  #code: number = closeCodes.abnormal.code;
  #reason: string = closeCodes.abnormal.reason;
  /** No write follows. */
  #isOver = false;
  #isGone = false;
  /** What the client sends waits. */
  #pause: PromiseWithResolvers<void> | undefined;

  constructor(answer: EventAnswer, style: EventStyle, listener: LinkListener) {
    this.#answer = answer;
    this.#style = style;
    this.#listener = listener;
    this.#joins = style.joins;
    this.#inboxWaits = style.hasInbox === true;
    this.#encoder = new EventEncoder(style.events);
  }

  get unsentBytes(): number {
    return this.#heldBytes + (this.#sink?.unsentBytes ?? 0);
  }

  get takenBytes(): number {
    return this.#sink?.takenBytes ?? 0;
  }

  /** A frame that the client has sent in a request of its own. */
  receive(data: Uint8Array): void {
    if (!this.#isGone) this.#listener.onMessage(data, false);
  }

  /** Resolves when the hub takes what the client sends. */
  async reads(): Promise<void> {
    await this.#pause?.promise;
  }

  // --- Link

  write(piece: Piece, body: Body | undefined): void {
    if (this.#isOver) return;
    if (this.#sink !== undefined) this.#put(this.#sink, piece, body);
    else this.#hold(piece, body);
  }

  cork(): void {
    this.#sink?.cork();
  }

  uncork(): void {
    this.#sink?.uncork();
  }

  ping(seq: number): void {
    const answer = (): void => {
      if (!this.#isGone) this.#listener.onPong(seq);
    };
    const sink = this.#sink;
    if (sink === undefined || this.#isOver || sink.unsentBytes === 0) queueMicrotask(answer);
    // within an event, a comment would be a part of its data
    else sink.write(this.#encoder.isInside ? [] : framed(sink, [COMMENT]), answer);
  }

  pauseReading(): void {
    this.#pause ??= Promise.withResolvers();
  }

  resumeReading(): void {
    this.#pause?.resolve();
    this.#pause = undefined;
  }

  /** The last event says why; a response without a head yet gets a status. */
  close(code: number, reason: string): void {
    if (this.#isOver) return;
    this.#finish(code, reason);
    const sink = this.#sink;
    if (sink === undefined) {
      this.#refuse(() => this.#answer.refuse(code, reason));
      return;
    }
    const last = [...retryAfter(code), ...this.#style.events.ofClose(code, reason)];
    if (last.length > 0) sink.write(framed(sink, last));
    sink.end();
  }

  terminate(): void {
    this.#isOver = true;
    if (this.#sink !== undefined) {
      this.#sink.destroy();
      return;
    }
    this.#answer.abort();
    queueMicrotask(() => this.onClose());
  }

  // --- SinkListener

  onDrain(): void {
    if (!this.#isGone) this.#listener.onDrain();
  }

  readonly onClose = (): void => {
    if (this.#isGone) return;
    this.#isGone = true;
    this.#isOver = true;
    this.resumeReading();
    for (const { body } of this.#held ?? []) body?.release();
    this.#held = undefined;
    this.#heldBytes = 0;
    this.#answer.ended();
    this.#listener.onClose(this.#code, this.#reason);
  };

  #finish(code: number, reason: string): void {
    this.#isOver = true;
    this.#code = code;
    this.#reason = reason;
  }

  #hold(piece: Piece, body: Body | undefined): void {
    body?.retain();
    this.#held?.push({ piece, body });
    for (const { length } of piece) this.#heldBytes += length;
    const { isWhole = false } = this.#style;
    if (this.#joins > 0 || isWhole) {
      for (const frame of readFrames(piece)) {
        const { t = '', th = '' } = frame.isFirst ? wordOf(frame) : {};
        if (t === 'joined' && this.#isAsked(th) && --this.#joins === 0 && isWhole) this.#openSoon();
        if (t === 'gap' && isWhole) this.#refuse(() => this.#answer.refuseLost());
      }
    }
    if (this.#joins <= 0 && !isWhole) this.#open();
  }

  /** The hub may join the user's thread by itself, before the client's own join of it. */
  #isAsked(threadId: string): boolean {
    if (!isOwnThreadId(threadId)) return true;
    const isAsked = this.#inboxWaits;
    this.#inboxWaits = false;
    return isAsked;
  }

  /** `gap` comes with the `joined` that it is about. */
  #openSoon(): void {
    queueMicrotask(() => {
      if (this.#isOver) return;
      try {
        this.#open();
      } catch (error) {
        // outside any call of the hub, it would end the process
        this.#listener.onBroken(error);
      }
    });
  }

  #refuse(answer: () => void): void {
    this.#isOver = true;
    answer();
    queueMicrotask(() => this.onClose());
  }

  #open(): void {
    const sink = this.#answer.open(this);
    this.#sink = sink;
    const { greeting } = this.#style;
    sink.cork();
    if (greeting !== undefined) sink.write(framed(sink, [textEvent(greeting)]));
    for (const { piece, body } of this.#held ?? []) {
      this.#put(sink, piece, body);
      body?.release();
    }
    sink.uncork();
    this.#held = undefined;
    this.#heldBytes = 0;
    // what waited for room has some now
    queueMicrotask(() => this.onDrain());
  }

  #put(sink: Sink, piece: Piece, body: Body | undefined): void {
    if (this.#isOver) return;
    const parts = this.#encoder.encode(piece, sink.framing);
    if (this.#style.events.isOver) {
      this.#finish(closeCodes.normal.code, closeCodes.normal.reason);
      sink.end();
      return;
    }
    if (parts.length === 0) return;
    if (body === undefined) {
      sink.write(parts);
      return;
    }
    body.retain();
    sink.write(parts, () => body.release());
  }
}

const framed = (sink: Sink, parts: readonly Uint8Array[]): readonly Uint8Array[] =>
  sink.framing === 'chunked' ? [Buffer.concat(chunked(parts))] : [Buffer.concat(parts)];

function retryAfter(code: number): readonly Uint8Array[] {
  // with an expired session, the next attempt gets a 401, which ends an `EventSource`
  if (code === closeCodes.unauthenticated.code) return [];
  const reconnect = Object.values(closeCodes).find((one) => one.code === code)?.reconnect;
  if (reconnect === 'never') return [retryLine(AWAY_MS)];
  return reconnect === 'later' ? [retryLine(LATER_MS)] : [];
}
