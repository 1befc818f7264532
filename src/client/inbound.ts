import { parseJson, type ThreadFrame, type WireMessage, type WirePart } from './frames.ts';
import { OpenStreams } from './open-streams.ts';
import { DedupCursor } from './dedup-cursor.ts';
import { MalformedFrameError, MessageTooLargeError } from './errors.ts';
import { formatPosition, type Position } from './position.ts';
import { PartAssembly } from './part-assembly.ts';
import type { Message } from './api.ts';
import type { ClientSettings } from './options.ts';
import type { ReaderBuffer } from './reader-buffer.ts';

/** What the inbound side of a thread needs. */
export interface InboundHost {
  readonly settings: ClientSettings;
  /** Asks the publisher of a stream to stop. */
  cancel(streamId: string): void;
  /** False for a message that another thread has given to the application. */
  isFirst(id: string): boolean;
  /** The client has received everything up to this offset. */
  onOffset(offset: number): void;
  report(error: unknown): void;
  /** Emits to the readers. */
  emitError(error: Error): void;
  /** The parts of a big message are not those that were requested: how many times in a row. */
  onDisorder(times: number): void;
  /** The readers hold as much as they may. */
  onOverflow(): void;
}

/** Handles the frames of a thread while it is joined: takes each message once, and passes it to the readers. */
export class Inbound {
  readonly #cursor = new DedupCursor();
  readonly #host: InboundHost;
  readonly #readers: ReaderBuffer;
  /** Where live messages begin; undefined before the first one. */
  start: string | undefined;
  readonly streams: OpenStreams;
  /** Messages in parts that began since the last one was complete. */
  #disorders = 0;
  readonly #parts: PartAssembly;
  /** Where the server began, if that was not our position: a gap must follow, or the client reports one. */
  #unexplained: Position | undefined;

  constructor(position: Position | undefined, host: InboundHost, readers: ReaderBuffer) {
    this.#host = host;
    this.#readers = readers;
    if (position) this.#cursor.moveTo(position);
    const { maxMessageBytes } = host.settings;
    this.#parts = new PartAssembly(maxMessageBytes);
    this.streams = new OpenStreams(host, readers, maxMessageBytes);
  }

  get position(): string | undefined {
    const { position } = this.#cursor;
    return position && formatPosition(position);
  }

  /** What the client has received besides the position. */
  get partial(): { readonly s: object | undefined; readonly have: object | undefined } {
    return { s: this.streams.positions, have: this.#parts.have };
  }

  /**
   * The thread has been joined.
   * @param isNew the join asked for messages from there on
   * @param streams ids of those in progress
   */
  begin(position: Position, isNew: boolean, streams: readonly string[]): void {
    // only a gap moves our position: if the line were cut before it, we would never learn of it
    if (!this.#cursor.position || isNew) this.#cursor.moveTo(position);
    this.#unexplained = this.#cursor.isBefore(position) ? position : undefined;
    this.streams.cancelAgain();
    for (const id of streams) this.streams.add(id, 0, '');
  }

  /** Whether messages between our position and that one are missing. */
  isBefore(position: Position): boolean {
    return this.#cursor.isBefore(position);
  }

  /** The server has sent no gap, although it does not continue at our position: the client reports one now. */
  explain(): void {
    const position = this.#unexplained;
    if (position) this.#gap(position.epoch === this.#cursor.position?.epoch ? 'trimmed' : 'epoch', position);
  }

  #gap(why: string, position: Position): void {
    this.#unexplained = undefined;
    this.#parts.drop();
    this.#cursor.moveTo(position);
    this.streams.endAll();
    this.#readers.emit('gap', { why, position: formatPosition(position) });
  }

  receive(frame: Exclude<ThreadFrame, { readonly t: 'joined' | 'left' | 'page' | 'vals' }>): void {
    if (frame.t === 'part') this.#part(frame);
    else if (frame.t === 'gap') {
      const { why, position } = frame;
      // what is trimmed before our position is missed by another join of the thread
      if (this.isBefore(position) || 'fork ahead'.includes(why)) this.#gap(why, position);
    } else if (frame.t === 'tok') this.streams.add(frame.id, frame.at, frame.text);
    else this.#message(frame.message);
  }

  #part(part: WirePart): void {
    this.explain();
    const { message, n, of } = part;
    const { id, offset } = message;
    const verdict = this.#parts.add(part);
    if (verdict === 'disordered') {
      this.#host.onDisorder(this.#disorders++);
      return;
    }
    if (verdict === 'taken') {
      this.#readers.emit('progress', { id, offset: offset ?? 0, parts: n + 1, of });
      const { text } = this.#parts;
      if (text !== undefined) this.#whole(text, message);
      return;
    }
    if (verdict === 'too-large') {
      this.#host.emitError(new MessageTooLargeError({ bytes: undefined, limit: this.#host.settings.maxMessageBytes }));
    }
    if (n + 1 === of && this.#cursor.take(message)) {
      this.#readers.emit('gap', { why: 'too-large', position: this.position ?? '' });
    }
  }

  #message(wire: WireMessage): void {
    this.explain();
    const { re, many, ...facts } = wire;
    const { id, offset, ahead, data } = facts;
    this.start ??= this.position;
    const isNew = this.#cursor.take(wire);
    if (offset && !ahead) {
      this.#host.onOffset(offset);
      // another message in its place: the earlier one has expired meanwhile, or was superseded
      this.#parts.drop();
    }
    if (!isNew || (many && !this.#host.isFirst(id))) return;
    if (re) {
      this.#readers.amend({ id: re, data, position: this.position ?? '' });
      return;
    }
    const stream = this.streams.isShown(id) ? id : undefined;
    const message: Message = { ...facts, position: this.position ?? '', stream };
    this.streams.end(id, message);
    this.#readers.push(message);
    if (this.#readers.most >= this.#host.settings.maxBuffered) this.#host.onOverflow();
  }

  #whole(text: string, wire: WireMessage): void {
    this.#disorders = 0;
    const data = parseJson(text);
    if (data === undefined) this.#host.report(new MalformedFrameError({ start: text.slice(0, 100) }));
    else this.#message({ ...wire, data });
  }
}
