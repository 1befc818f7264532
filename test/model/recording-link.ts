import type { Body } from '../../src/api/body.ts';
import { FakeLink } from '../../src/testing/index.ts';
import { fragmentsOf, wordsOf, type Word } from './wire.ts';
import type { Piece } from '../../src/api/socket.ts';

export interface LinkWatch {
  /** Something was handed to the socket; a big message is reported with its first fragment. */
  onWord(word: Word): void;
  /** It has been handed over to its end. */
  onWhole(word: Word): void;
  onViolation(what: string): void;
  /** Whether the connection's state allows data now. */
  mayWrite(): boolean;
}

/** A link that looks at what it is given at the moment of the write, when it can still be judged by the state of the log. */
export class RecordingLink extends FakeLink {
  readonly #watch: LinkWatch;
  readonly #mostUnsent: number;
  #isInMessage = false;
  /** Of the message that has begun. */
  #words: readonly Word[] = [];
  /** The next write throws, as a broken socket of somebody else's may. */
  isBroken = false;
  isStalled = false;
  /** The hub has ended it without a close frame. */
  wasCut = false;
  /** It was made to wait for bytes, by the peer or by the hub between two fragments. */
  hasWaited = false;

  constructor(watch: LinkWatch, mostUnsent: number) {
    super();
    this.#watch = watch;
    this.#mostUnsent = mostUnsent;
  }

  override write(piece: Piece, body: Body | undefined): void {
    const watch = this.#watch;
    if (this.isClosed) return;
    if (this.isBroken) throw new Error('broken link');
    if (!watch.mayWrite()) watch.onViolation('written while not open');
    if (body?.isAlive === false) watch.onViolation('written from memory that was given back');
    super.write(piece, body);
    if (this.unsentBytes > this.#mostUnsent) watch.onViolation(`${this.unsentBytes} bytes unsent`);
    for (const { isFirst, isLast, text } of fragmentsOf(piece)) {
      if (isFirst === this.#isInMessage) watch.onViolation('a message begins inside another one');
      this.#isInMessage = !isLast;
      if (!isLast) this.hasWaited = true;
      if (isFirst) {
        this.#words = wordsOf(text);
        for (const word of this.#words) {
          if (word.t === 'part') this.hasWaited = true;
          watch.onWord(word);
        }
      }
      if (isLast) for (const word of this.#words) watch.onWhole(word);
    }
  }

  override terminate(): void {
    if (!this.isClosed && !this.isStalled && !this.isBroken) this.#watch.onViolation('cut, though its peer reads');
    this.wasCut ||= !this.isClosed;
    super.terminate();
  }

  override stall(): void {
    this.isStalled = true;
    this.hasWaited = true;
    super.stall();
  }

  override resume(): void {
    this.isStalled = false;
    super.resume();
  }
}
