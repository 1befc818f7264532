import type { Body } from '../api/body.ts';
import type { Clock, TimerHandle } from '../api/clock.ts';
import type { Link, LinkListener, Piece } from '../api/socket.ts';
import { closeCodes } from '../infra/wire/close-codes.ts';
import { parsePosition } from '../infra/log/ids.ts';
import { readFrames } from './frame-reader.ts';
import type { ByteHold } from './byte-hold.ts';
import type { ThreadPlaces } from './places.ts';
import { wordOf } from './words.ts';

/** What a poll has found: the frames of the protocol, and where the next poll goes on. */
export interface Polled {
  readonly position: string;
  /** It has reached the newest offset that the thread had at the join. */
  readonly hasReachedHead: boolean;
  /** `msg`, `removed` and `gap`, as their JSON. */
  readonly frames: readonly (readonly Uint8Array[])[];
}

export interface PollAnswer {
  readonly done: (polled: Polled) => void;
  readonly refuse: (code: number, reason: string) => void;
  /** The client has gone. */
  readonly lost: () => void;
}

/** How long a poll waits for messages that the log is known to have, whatever its own limit. */
const CATCH_UP_MS = 1_000;

/** Words that a poll is answered with. */
const NEWS: ReadonlySet<string> = new Set(['msg', 'removed', 'gap']);

/**
 * A poll as a link: it takes what comes until there is something, and ends. The hub's writes of one turn of the event loop are one answer; a
 * big message is waited for to its end.
 */
export class PollLink implements Link {
  readonly confirmsReceipt = false;
  readonly #answer: PollAnswer;
  readonly #places: ThreadPlaces;
  readonly #waitMs: number;
  readonly #listener: LinkListener;
  readonly #clock: Clock;
  readonly #maxBytes: number;
  readonly #hold: ByteHold;
  readonly #frames: Uint8Array[][] = [];
  /** The frame whose rest follows; undefined for one that is left out. */
  #open: Uint8Array[] | undefined;
  #isInMessage = false;
  #bytes = 0;
  #timer: TimerHandle;
  #isTimed = false;
  #isDue = false;
  #isOver = false;
  /** The newest offset of the thread when it was joined. */
  #head = 0;

  /**
   * @param maxBytes after which no more messages are taken
   * @param hold counts the bytes of the answer, which are given back with `bytes`
   */
  constructor(
    answer: PollAnswer,
    { places, waitMs, maxBytes, hold }: { places: ThreadPlaces; waitMs: number; maxBytes: number; hold: ByteHold },
    clock: Clock,
    listener: LinkListener,
  ) {
    this.#answer = answer;
    this.#places = places;
    this.#waitMs = waitMs;
    this.#maxBytes = maxBytes;
    this.#hold = hold;
    this.#clock = clock;
    this.#listener = listener;
  }

  /** With `maxBytes`, what follows waits in the log: for the next poll. */
  get unsentBytes(): number {
    return this.#bytes >= this.#maxBytes && !this.#isInMessage ? Number.MAX_SAFE_INTEGER : 0;
  }

  /** Bytes of the answer. */
  get takenBytes(): number {
    return this.#bytes;
  }

  write(piece: Piece, body: Body | undefined): void {
    if (this.#isOver) return;
    for (const { isFirst, isLast, chunks } of readFrames(piece)) {
      if (isFirst) this.#begin(chunks);
      this.#isInMessage = !isLast;
      if (this.#open !== undefined && !this.#take(this.#open, chunks, body !== undefined)) return;
    }
    if (this.#frames.length > 0) this.#dueSoon();
  }

  cork(): void {}

  uncork(): void {}

  ping(seq: number): void {
    queueMicrotask(() => {
      if (!this.#isOver) this.#listener.onPong(seq);
    });
  }

  close(code: number, reason: string): void {
    if (this.#isOver) return;
    // the client's next poll has the rest
    if (this.#frames.length > 0 && !this.#isInMessage) this.#finish();
    else this.#end(() => this.#answer.refuse(code, reason));
  }

  terminate(): void {
    this.#end(() => this.#answer.refuse(closeCodes.overloaded.code, closeCodes.overloaded.reason));
  }

  /** The client has gone. */
  readonly lost = (): void => this.#end(() => this.#answer.lost());

  #begin(chunks: readonly Uint8Array[]): void {
    const word = wordOf({ isFirst: true, isLast: true, chunks });
    this.#places.idAfter(word);
    this.#open = NEWS.has(word.t) ? [] : undefined;
    if (this.#open !== undefined) this.#frames.push(this.#open);
    if (word.t === 'joined') this.#joined(word.recovered ?? 0);
  }

  /** Pooled memory is given back, so it is copied. False if no more bytes may be held, which ends the poll. */
  #take(frame: Uint8Array[], chunks: readonly Uint8Array[], isPooled: boolean): boolean {
    for (const chunk of chunks) {
      if (!this.#hold.take(chunk.length)) {
        this.#end(() => this.#answer.refuse(closeCodes.overloaded.code, 'too many answers wait'));
        return false;
      }
      this.#bytes += chunk.length;
      frame.push(isPooled ? Uint8Array.from(chunk) : chunk);
    }
    return true;
  }

  #joined(recovered: number): void {
    this.#head = this.#offset + recovered;
    if (recovered === 0 && this.#waitMs === 0) this.#dueSoon();
    else this.#wait(recovered === 0 ? this.#waitMs : Math.max(this.#waitMs, CATCH_UP_MS));
  }

  #wait(ms: number): void {
    if (this.#isTimed || this.#isDue) return;
    this.#isTimed = true;
    this.#timer = this.#clock.setTimeout(() => {
      this.#isTimed = false;
      this.#finish();
    }, ms);
  }

  #dueSoon(): void {
    if (this.#isDue) return;
    this.#isDue = true;
    this.#clock.nextTurn(() => this.#look());
  }

  /** A message that has begun is waited for. */
  #look(): void {
    this.#isDue = false;
    if (this.#isInMessage) this.#dueSoon();
    else this.#finish();
  }

  #finish(): void {
    const { position } = this.#places;
    if (this.#isOver) return;
    if (position === undefined) this.#end(() => this.#answer.refuse(closeCodes.overloaded.code, 'no answer in time'));
    else
      this.#end(() =>
        this.#answer.done({ position, hasReachedHead: this.#offset >= this.#head, frames: this.#frames }),
      );
  }

  get #offset(): number {
    const { position } = this.#places;
    return position === undefined ? 0 : parsePosition(position).offset;
  }

  #end(answer: () => void): void {
    if (this.#isOver) return;
    this.#isOver = true;
    if (this.#isTimed) this.#clock.clearTimeout(this.#timer);
    answer();
    const { code, reason } = closeCodes.normal;
    queueMicrotask(() => this.#listener.onClose(code, reason));
  }
}
