import type { Body } from '../../api/body.ts';
import type { Entry, Frame } from '../../api/entry.ts';
import type { FrameVariant } from '../../infra/wire/frame-variant.ts';
import type { Clearance, WriteKind } from './clearance.ts';
import type { PieceWatcher } from './piece-watcher.ts';
import { sizeOf, UnfinishedFrame } from './unfinished-frame.ts';
import type { WriteBatch } from './write-batch.ts';
import type { Link, LinkListener, Piece } from '../../api/socket.ts';

/**
 * Bytes of protocol notices that may wait for a socket. That is some hundred answers to published messages while a big message is being
 * written. The hub evicts a client that causes more without reading.
 */
const MAX_NOTICE_BYTES = 64 * 1024;

/** The owner of the writer. It is notified when the link throws; the writer is then closed. */
type Owner = Pick<LinkListener, 'onBroken'>;

/**
 * The only place where a connection's data frames are written, behind the gate that the machine opens and closes. It queues no messages. It
 * holds at most the rest of one big frame, whose bytes all connections share, and a few notices of the protocol (`joined`, `gap`, `err`).
 * Notices must not come between the fragments of a message.
 */
export class FrameWriter {
  #link: Link;
  #variant: FrameVariant;
  #isOpen = false;
  #isAbandoned = false;
  /** Until the landing, writes wait in the socket. */
  #passesFlight = false;
  #unfinished: UnfinishedFrame | undefined;
  #boarded: Piece | undefined;
  /** Undefined when no notice waits, which is nearly always. */
  #notices: Frame[] | undefined;
  readonly #highWaterMark: number;
  #noticeBytes = 0;
  /** A page of history that waits among the notices. */
  #page: Frame | undefined;
  #messages = 0;
  #bytes = 0;
  readonly #owner: Owner;

  constructor(link: Link, variant: FrameVariant, highWaterMark: number, owner: Owner) {
    this.#link = link;
    this.#variant = variant;
    this.#highWaterMark = highWaterMark;
    this.#owner = owner;
  }

  /** @param variant what the client understands, now that the link is known */
  attach(link: Link, variant: FrameVariant): void {
    this.#link = link;
    this.#variant = variant;
  }

  /** The frame variant that the client understands. */
  get variant(): FrameVariant {
    return this.#variant;
  }

  /**
   * Whether the connection may write now: the gate is open, no frame is unfinished, nothing is in the air, and the socket is below its
   * high-water mark. For a part, half of the socket's buffer must stay free for messages that overtake it.
   */
  admit(kind: WriteKind): Clearance {
    if (!this.#isOpen) return 'signal';
    if (this.#unfinished !== undefined) return 'turn';
    if (this.#link.isFlying?.() !== true) this.#passesFlight = false;
    else if (!this.#passesFlight) return 'signal';
    // a socket that is gone has nothing unsent, whatever it is given
    if (this.#link.isClosed === true) return 'signal';
    if (this.#link.unsentBytes >= (kind === 'part' ? this.#highWaterMark / 2 : this.#highWaterMark)) return 'signal';
    const isFirst = kind === 'notice' || (this.#notices === undefined && this.#boarded === undefined);
    return isFirst ? 'now' : 'turn';
  }

  /** Until the landing, the socket holds what is written: for messages that would be dropped. Others wait, so that they leave together. */
  passFlight(): void {
    this.#passesFlight = true;
  }

  /** The connection has ended. */
  get isAbandoned(): boolean {
    return this.#isAbandoned;
  }

  /** Fewer than half of the allowed notices wait, and no page. */
  get takesNotices(): boolean {
    return this.#page === undefined && this.#noticeBytes < MAX_NOTICE_BYTES / 2;
  }

  /** Number of messages written; the last one may be unfinished. */
  get messages(): number {
    return this.#messages;
  }

  /** Bytes handed to the socket, frame headers included. */
  get bytes(): number {
    return this.#bytes;
  }

  get unsentBytes(): number {
    return this.#link.unsentBytes;
  }

  /** The message of which only the first pieces have been handed to the socket. */
  get writing(): Entry | undefined {
    return this.#unfinished?.entry;
  }

  open(): void {
    this.#isOpen = true;
  }

  close(): void {
    this.#isOpen = false;
  }

  cork(): void {
    this.#link.cork();
  }

  uncork(): void {
    this.#link.uncork();
  }

  /** Writes a notice, now or before the next message; false when too many already wait. */
  say(notice: Frame): boolean {
    if (this.#noticeBytes >= MAX_NOTICE_BYTES) return false;
    this.depart();
    this.sayLater(notice);
    this.#flushNotices();
    return true;
  }

  /** Leaves a notice for the next `resume`. */
  sayLater(notice: Frame): void {
    (this.#notices ??= []).push(notice);
    this.#noticeBytes += notice.bytes;
  }

  /** Writes a page of history like a notice, but does not count it: the client gets no further answer before it is written. */
  sayPage(page: Frame): void {
    this.depart();
    this.#page = page;
    (this.#notices ??= []).push(page);
    this.#flushNotices();
  }

  /** Writes several small messages at once, text of a stream, or a part of a big message. Only when `admit('message')` allows it. */
  writeRun(bytes: Uint8Array, messages: number): void {
    this.#messages += messages;
    this.#bytes += bytes.length;
    this.#share([bytes]);
  }

  /** Writes a frame whose bytes may be those of others in part. Only when `admit('message')` allows it. */
  writePiece(piece: Piece, bytes: number, messages: number): void {
    this.#messages += messages;
    this.#hand(piece, bytes, undefined);
  }

  /** Like `writeRun`, if a sender takes the bytes; otherwise writes nothing and returns false. */
  flyRun(piece: Piece, bytes: number, messages: number): boolean {
    if (this.#link.fly?.(piece) !== true) return false;
    this.#messages += messages;
    this.#bytes += bytes;
    return true;
  }

  /**
   * Like `writeRun`, but the batch hands the bytes to the socket when it departs, in this turn of the event loop. Only when
   * `admit('message')` allows it.
   */
  board(piece: Piece, bytes: number, messages: number, batch: WriteBatch): void {
    this.#messages += messages;
    this.#bytes += bytes;
    this.#boarded = piece;
    batch.add(this);
  }

  /** Hands over the boarded bytes, if there are any left. */
  depart(): void {
    const piece = this.#boarded;
    if (piece === undefined) return;
    this.#boarded = undefined;
    this.#share(piece);
  }

  /**
   * Writes a frame; only when `admit('message')` allows it. Of a frame with several pieces, only the first is written at once. `resume`
   * writes the rest, and `writing` is the entry until then.
   */
  write(frame: Frame, entry: Entry, watcher: PieceWatcher): void {
    this.#messages++;
    const [first] = frame.pieces;
    if (first === undefined) return;
    if (frame.pieces.length === 1) {
      this.#bytes += frame.bytes;
      if (frame.body === undefined) this.#share(first);
      else this.#put(first, frame.body);
      // a link that throws has closed it
      if (this.#isOpen) watcher.onWhole(entry, frame.bytes);
      else watcher.onCut(entry);
      return;
    }
    const unfinished = new UnfinishedFrame(frame, entry, watcher);
    this.#unfinished = unfinished;
    // the first piece goes out at once, so that a message counted as written has begun; like a single frame, it may exceed the high-water
    // mark by one fragment at most
    unfinished.pass();
    this.#hand(first, sizeOf(first), frame.body);
  }

  /**
   * Continues an unfinished frame, one piece of a big message at a time. The kernel may accept megabytes at once, and copying them for many
   * connections in one turn would block the event loop.
   */
  resume(): Clearance {
    if (!this.#isOpen) return 'signal';
    if (this.#unfinished !== undefined) return this.#continue(this.#unfinished);
    this.#flushNotices();
    return this.admit('message');
  }

  /**
   * The connection is ending and its gate is closed for good. Continues as `resume` does, but starts nothing new. `now` means: everything
   * that has begun has been handed to the socket.
   */
  finish(): Clearance {
    this.depart();
    if (this.#unfinished !== undefined) return this.#continue(this.#unfinished);
    while (this.#notices !== undefined && this.#link.unsentBytes < this.#highWaterMark) this.#sayNext(this.#notices);
    return this.#notices === undefined ? 'now' : 'signal';
  }

  #flushNotices(): void {
    while (this.#notices !== undefined && this.admit('notice') === 'now') this.#sayNext(this.#notices);
  }

  #sayNext(notices: Frame[]): void {
    const notice = notices.shift();
    if (notices.length === 0) this.#notices = undefined;
    const piece = notice?.pieces[0];
    if (notice === undefined || piece === undefined) return;
    if (notice === this.#page) this.#page = undefined;
    else this.#noticeBytes -= notice.bytes;
    this.#hand(piece, notice.bytes, undefined);
  }

  #continue(unfinished: UnfinishedFrame): Clearance {
    const { piece } = unfinished;
    const size = sizeOf(piece);
    const { unsentBytes } = this.#link;
    const limit = this.#highWaterMark;
    // only where a drain follows: after a ping's few bytes, no drain event comes
    if (unsentBytes >= limit / 2 && unsentBytes + size > limit) return 'signal';
    unfinished.pass();
    this.#hand(piece, size, unfinished.frame.body);
    // a link that throws has ended it
    if (this.#unfinished !== unfinished) return 'signal';
    if (unfinished.isOver) {
      this.#unfinished = undefined;
      unfinished.complete();
    }
    return 'turn';
  }

  /** The connection has ended: drops the unfinished frame. */
  abandon(): void {
    this.#isOpen = false;
    this.#isAbandoned = true;
    this.#boarded = undefined;
    this.#notices = this.#page = undefined;
    this.#noticeBytes = 0;
    const unfinished = this.#unfinished;
    this.#unfinished = undefined;
    unfinished?.drop();
  }

  #hand(piece: Piece, size: number, body: Body | undefined): void {
    this.#bytes += size;
    this.#put(piece, body);
  }

  /** Bytes that other connections get as well: a sender may send them to all. */
  #share(piece: Piece): void {
    if (this.#link.fly?.(piece) !== true) this.#put(piece, undefined);
  }

  #put(piece: Piece, body: Body | undefined): void {
    try {
      this.#link.write(piece, body);
    } catch (error) {
      // sockets report their end as an event; a custom link may throw, and must not break the fan-out
      this.#isOpen = false;
      this.#owner.onBroken(error);
    }
  }
}
