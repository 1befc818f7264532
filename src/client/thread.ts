import { Acks } from './acks.ts';
import type { ClientThread, JoinOptions, Message, ThreadEvents } from './api.ts';
import { backoffDelay } from './backoff.ts';
import { Timer } from './clock.ts';
import { DedupCursor } from './dedup-cursor.ts';
import { InvalidOptionError, JoinRefusedError, MalformedFrameError, ServerError } from './errors.ts';
import { parseJson, requests, type ThreadFrame, type WireMessage, type WirePart } from './frames.ts';
import { Emitter } from './emitter.ts';
import { MessageIterator } from './message-iterator.ts';
import type { ClientSettings } from './options.ts';
import { TextStream } from './stream.ts';
import { formatPosition, parsePosition, type Position } from './position.ts';

/** What a thread needs of its client. */
export interface ThreadHost {
  readonly settings: ClientSettings;
  /** False where there is no open socket. */
  send(text: string): boolean;
  report(error: unknown): void;
  /** The thread is over. */
  forget(thread: JoinedThread): void;
}

/**
 * `joining`: a join is under way, or follows when the connection is open. `joined`: messages flow. `paused`: left on the
 * server until a reader has caught up. `over`: left, refused or closed.
 */
type Phase = 'joining' | 'joined' | 'paused' | 'over';

/** Streams that are remembered when they have ended. */
const REMEMBERED = 32;

/** Refusals that another attempt would not change. */
const FINAL_REFUSAL = /^forbidden$|^TC_INVALID_/;

/** Of this page, so that the answer to one is told from that to another. */
let joins = 0;

/** A thread at work: joins again after each reconnect, takes each message once, and hands it to listeners and readers. */
export class JoinedThread implements ClientThread {
  readonly id: string;
  readonly #host: ThreadHost;
  readonly #cursor = new DedupCursor();
  readonly #listeners: Emitter<ThreadEvents>;
  readonly #iterators = new Set<MessageIterator>();
  readonly #streams = new Map<string, TextStream>();
  /** Streams whose message has come, the newest last: text that comes later does not begin them anew. */
  readonly #ended = new Set<string>();
  readonly #acks: Acks;
  readonly #retry: Timer;
  /** `start`, until there is a position. */
  readonly #from: string | undefined;
  #phase: Phase = 'joining';
  #refusals = 0;
  /** Of the newest join: answers to others are those of a thread that was left. */
  #ref = 0;
  /** What it asked to be sent from; undefined for what is new. */
  #asked: string | undefined;
  /** The big message that is coming in parts: its newest part, and the texts of all. */
  #big: (WirePart & { readonly texts: string[] }) | undefined;
  /** Where the server began, when that was not our position: a gap that must follow, or else is ours to tell. */
  #unexplained: Position | undefined;
  #error: Error | undefined;

  /** @throws InvalidOptionError */
  constructor(id: string, { from, onGap, onProgress }: JoinOptions, host: ThreadHost) {
    this.id = id;
    this.#host = host;
    this.#from = from;
    const position = parsePosition(from);
    if (position !== undefined) this.#cursor.moveTo(position);
    else if (from !== undefined && from !== 'start') throw new InvalidOptionError('from', "a position or 'start'");
    this.#listeners = new Emitter((error) => host.report(error));
    this.#acks = new Acks(host.settings.clock, (offset) => void host.send(requests.ack(id, offset)));
    this.#retry = new Timer(host.settings.clock);
    if (onGap !== undefined) this.on('gap', onGap);
    if (onProgress !== undefined) this.on('progress', onProgress);
  }

  get position(): string | undefined {
    const { position } = this.#cursor;
    return position === undefined ? undefined : formatPosition(position);
  }

  on<E extends keyof ThreadEvents>(event: E, listener: (news: ThreadEvents[E]) => void): () => void {
    return this.#listeners.on(event, listener);
  }

  leave(): void {
    if (this.#phase === 'over') return;
    if (this.#phase !== 'paused') this.#host.send(requests.leave(this.id));
    this.end();
  }

  [Symbol.asyncIterator](): AsyncIterableIterator<Message> {
    const iterator = new MessageIterator(
      () => this.#onTaken(),
      () => {
        this.#iterators.delete(iterator);
        this.#onTaken();
      },
    );
    if (this.#phase === 'over') iterator.end(this.#error);
    else this.#iterators.add(iterator);
    return iterator;
  }

  // --- what the client tells

  /** The connection is open. */
  join(): void {
    if (this.#phase !== 'joining') return;
    this.#retry.clear();
    const has = Array.from(this.#streams, ([id, { text }]) => [id, text.length]);
    const s = has.length > 0 ? Object.fromEntries(has) : undefined;
    const big = this.#big;
    const have = big && { o: big.offset, id: big.id, n: big.texts.length, of: big.of };
    this.#ref = ++joins;
    this.#asked = this.position ?? this.#from;
    this.#host.send(requests.join(this.id, this.#ref, this.#asked, s, have));
  }

  /** The connection was lost. */
  suspend(): void {
    this.#acks.stop();
    this.#retry.clear();
    this.#unexplained = undefined;
    if (this.#phase === 'joined') this.#phase = 'joining';
  }

  receive(frame: ThreadFrame): void {
    if (frame.t === 'joined') this.#onJoined(frame);
    // what comes without a `joined` before it belongs to an earlier subscription
    else if (frame.t === 'messages') for (const message of frame.messages) this.#onMessage(message);
    else if (frame.t === 'part') this.#onPart(frame);
    else if (this.#phase !== 'joined') return;
    else if (frame.t === 'gap') this.#onGap(frame.why, frame.position);
    else this.#onText(frame.id, frame.at, frame.text);
  }

  /** The server reports an error for this thread: the answer to the join with this number, or to something else. */
  fail(code: string, ref: number | undefined): void {
    if (ref !== undefined && ref !== this.#ref) return;
    if (ref === undefined || this.#phase !== 'joining') {
      this.#tell(new ServerError(code, this.id));
      return;
    }
    const error = new JoinRefusedError(this.id, code);
    if (!FINAL_REFUSAL.test(code)) {
      const { backoff, random } = this.#host.settings;
      this.#retry.set(backoffDelay(backoff, ++this.#refusals, random), () => this.join());
      this.#tell(error);
      return;
    }
    const hasReader = this.#iterators.size > 0;
    this.end(error);
    if (hasReader) this.#listeners.emit('error', error);
    else this.#tell(error);
  }

  /** Over: readers get what they hold, then the end or the error. */
  end(error?: Error): void {
    if (this.#phase === 'over') return;
    this.suspend();
    this.#phase = 'over';
    this.#error = error;
    this.#host.forget(this);
    this.#endStreams();
    for (const iterator of this.#iterators) iterator.end(error);
    this.#iterators.clear();
  }

  #onJoined({ position, recovered, ref }: ThreadFrame & { readonly t: 'joined' }): void {
    const isNew = this.#asked === undefined;
    // the application may join for it: where it asked for what is new, that does as well, and later it is news
    const isWelcome = this.#phase === 'joined' || (isNew && this.#phase === 'joining');
    if (ref !== this.#ref && (ref !== undefined || !isWelcome)) return;
    this.#phase = 'joined';
    this.#refusals = 0;
    // only a gap moves a position that we have: were the line cut before it, we would never hear of it
    if (this.#cursor.position === undefined || (isNew && ref !== undefined)) this.#cursor.moveTo(position);
    this.#unexplained = this.#cursor.isBefore(position) ? position : undefined;
    for (const { isCancelled, cancel } of this.#streams.values()) if (isCancelled) cancel();
    this.#listeners.emit('joined', { position: formatPosition(position), recovered });
  }

  #onGap(why: string, position: Position): void {
    this.#unexplained = undefined;
    this.#big = undefined;
    this.#cursor.moveTo(position);
    this.#endStreams();
    this.#listeners.emit('gap', { why, position: formatPosition(position) });
  }

  #onText(id: string, at: number, text: string | undefined): void {
    const known = this.#streams.get(id);
    if (text === undefined) {
      this.#endStream(id);
      return;
    }
    if (this.#ended.has(id)) return;
    const stream = known ?? new TextStream(id, () => void this.#host.send(requests.cancel(this.id, id)));
    stream.add(at, text);
    if (known !== undefined || stream.text === '') return;
    this.#streams.set(id, stream);
    this.#listeners.emit('stream', stream);
  }

  #endStream(id: string, message?: Message): void {
    const stream = this.#streams.get(id);
    if (stream === undefined) return;
    stream.end(message);
    this.#streams.delete(id);
    if (message === undefined) return;
    this.#ended.add(id);
    if (this.#ended.size > REMEMBERED) this.#ended.delete([...this.#ended][0] ?? id);
  }

  /** Messages are missing, the final ones perhaps: what is still under way begins anew. */
  #endStreams(): void {
    for (const id of this.#streams.keys()) this.#endStream(id);
  }

  #onPart(part: WirePart): void {
    if (!this.#isJoined()) return;
    const { id, offset, n, of, text, trace } = part;
    const texts = n === 0 ? [] : this.#big?.id === id && this.#big.of === of ? this.#big.texts : undefined;
    if (texts?.length !== n) {
      // not what a server does that knows what we have: from the beginning
      this.#big = undefined;
      this.#phase = 'joining';
      this.join();
      return;
    }
    texts.push(text);
    this.#big = { ...part, texts };
    this.#listeners.emit('progress', { id, offset, parts: n + 1, of });
    if (n + 1 < of) return;
    const data = parseJson(texts.join(''));
    if (data === undefined) this.#host.report(new MalformedFrameError(texts[0]));
    else this.#onMessage({ id, offset, ahead: false, data, trace });
  }

  /** Messages count; the gap that the server has not told is told now. */
  #isJoined(): boolean {
    if (this.#phase === 'joined' && this.#unexplained !== undefined) {
      const isSameEpoch = this.#unexplained.epoch === this.#cursor.position?.epoch;
      this.#onGap(isSameEpoch ? 'trimmed' : 'epoch', this.#unexplained);
    }
    return this.#phase === 'joined';
  }

  #onMessage(wire: WireMessage): void {
    const { id, offset, ahead } = wire;
    if (!this.#isJoined()) return;
    if (offset !== undefined) {
      const isNew = this.#cursor.take({ id, offset, ahead });
      if (!ahead) {
        this.#acks.received(offset);
        // another one in its place: it has expired meanwhile, or was superseded
        this.#big = undefined;
      }
      if (!isNew) return;
    }
    const message: Message = { ...wire, position: this.position ?? '' };
    this.#endStream(id, message);
    for (const iterator of this.#iterators) iterator.push(message);
    if (this.#heldMost() >= this.#host.settings.maxBuffered) this.#pause();
    this.#listeners.emit('message', message);
  }

  #heldMost(): number {
    return Math.max(0, ...Array.from(this.#iterators, ({ size }) => size));
  }

  #pause(): void {
    this.#host.send(requests.leave(this.id));
    this.suspend();
    this.#phase = 'paused';
  }

  #onTaken(): void {
    if (this.#phase !== 'paused' || this.#heldMost() > this.#host.settings.maxBuffered / 2) return;
    this.#phase = 'joining';
    this.join();
  }

  #tell(error: Error): void {
    if (!this.#listeners.emit('error', error)) this.#host.report(error);
  }
}
