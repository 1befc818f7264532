import type { ClientThread, JoinOptions, Message, ThreadEvents } from './api.ts';
import { backoffDelay } from './backoff.ts';
import { Timer } from './clock.ts';
import { InvalidOptionError, JoinRefusedError, ServerError } from './errors.ts';
import { requests, type JoinedFrame, type JoinWish, type ThreadFrame } from './frames.ts';
import { Inbound, type InboundHost } from './inbound.ts';
import type { Joiner } from './join-queue.ts';
import type { ClientSettings } from './options.ts';
import { formatPosition, parsePosition } from './position.ts';
import { Readers } from './readers.ts';

/** What a thread needs of its client. */
export interface ThreadHost {
  readonly settings: ClientSettings;
  /** False where there is no open socket. */
  send(text: string): boolean;
  /** Has a thread joined as soon as the server takes it. */
  ask(joiner: Joiner): void;
  /** Everything of the thread up to this offset is here. */
  acknowledge(threadId: string, offset: number): void;
  report(error: unknown): void;
  /** The thread is over. */
  forget(thread: JoinedThread): void;
}

/**
 * `joining`: a join is asked for, or follows when the connection is open. `joined`: messages flow. `paused`: nothing is taken
 * until a reader has caught up. `over`: left, refused or closed.
 */
type Phase = 'joining' | 'joined' | 'paused' | 'over';

/** How it comes to be joined. `own`: by a join of ours. `inbox`: likewise, without a name. `invited`: only the application joins. */
export type Role = 'own' | 'inbox' | 'invited';

/** Refusals that another attempt would not change. */
const FINAL_REFUSAL = /^forbidden$|^TC_INVALID_|^TC_TOO_MANY_THREADS$/;

/** A thread at work: it is joined again after each reconnect; what comes of it meanwhile is `Inbound`'s. */
export class JoinedThread implements ClientThread, Joiner, InboundHost {
  readonly id: string;
  readonly settings: ClientSettings;
  readonly #host: ThreadHost;
  readonly #readers: Readers;
  readonly #sharesReaders: boolean;
  readonly #inbound: Inbound;
  readonly #retry: Timer;
  /** `start`, until there is a position. */
  readonly #from: string | undefined;
  #role: Role;
  #phase: Phase = 'joining';
  /** On this connection. */
  #wasJoined = false;
  #refusals = 0;
  /** Of the newest join: answers to others are those of a thread that was left. */
  #ref = 0;
  #isAnswered = true;
  /** What it asked to be sent from; undefined for what is new. */
  #asked: string | undefined;

  /**
   * @param readers those that it shares with others
   * @throws InvalidOptionError
   */
  constructor(id: string, { from, onGap, onProgress }: JoinOptions, host: ThreadHost, role: Role, readers?: Readers) {
    this.id = id;
    this.settings = host.settings;
    this.#host = host;
    this.#from = from;
    this.#role = role;
    const position = parsePosition(from);
    if (position === undefined && from !== undefined && from !== 'start') {
      throw new InvalidOptionError({ option: 'from', expected: "a position or 'start'" });
    }
    this.#sharesReaders = readers !== undefined;
    this.#readers =
      readers ??
      new Readers({
        report: (error) => host.report(error),
        onTaken: () => this.onTaken(),
        onStreamListener: () => this.#inbound.showStreams(),
      });
    this.#inbound = new Inbound(id, position, this, this.#readers);
    this.#retry = new Timer(this.settings.clock);
    if (onGap !== undefined) this.on('gap', onGap);
    if (onProgress !== undefined) this.on('progress', onProgress);
  }

  get position(): string | undefined {
    return this.#inbound.position;
  }

  on<E extends keyof ThreadEvents>(event: E, listener: (news: ThreadEvents[E]) => unknown): () => void {
    return this.#readers.on(event, listener);
  }

  leave(): void {
    if (this.#phase === 'over') return;
    if (this.#phase !== 'paused') this.send(requests.leave(this.id));
    this.end();
  }

  [Symbol.asyncIterator](): AsyncIterableIterator<Message> {
    return this.#readers.iterate();
  }

  // --- what the client tells

  /** The connection is open: asks to be let in, unless that is the application's to do. */
  join(): void {
    if (this.#phase !== 'joining') return;
    this.#retry.clear();
    if (this.#role !== 'invited') this.#host.ask(this);
  }

  /** The application has joined it, and now the page does too: from now on it joins again by itself. */
  claim(): void {
    if (this.#role === 'invited') this.#role = 'own';
  }

  wish(ref: number): JoinWish {
    this.#ref = ref;
    this.#isAnswered = false;
    this.#asked = this.position ?? this.#from;
    return { th: this.#role === 'inbox' ? undefined : this.id, ref, from: this.#asked, ...this.#inbound.has };
  }

  /** The connection was lost. */
  suspend(): void {
    this.#retry.clear();
    this.#inbound.suspend();
    this.#wasJoined = false;
    this.#isAnswered = true;
    if (this.#phase === 'joined') this.#phase = 'joining';
  }

  receive(frame: ThreadFrame): void {
    if (frame.t === 'joined') this.#onJoined(frame);
    else if (frame.t === 'left') this.#onLeft(frame.why);
    // what comes without a `joined` before it belongs to an earlier subscription
    else if (this.#phase !== 'joined') return;
    else if (frame.t === 'part') this.#inbound.part(frame);
    else if (frame.t === 'gap') this.#inbound.gap(frame.why, frame.position);
    else if (frame.t === 'tok') this.#inbound.text(frame.id, frame.at, frame.text);
    // the first of them may be one too many
    else for (const message of frame.messages) if (this.#isJoined) this.#inbound.message(message);
  }

  /** The server reports an error for this thread: the answer to the join with this number, or to something else. */
  fail(code: string, ref: number | undefined): void {
    const isFinal = FINAL_REFUSAL.test(code);
    if (ref === undefined) {
      this.tell(new ServerError({ reason: code, threadId: this.id }));
    } else if (ref !== this.#ref) {
      // of a thread that was left before the application joined: the leave that followed took both
      if (this.#role === 'invited') this.end();
    } else if (this.#isJoined) {
      this.#isAnswered = true;
      // the application has joined meanwhile, and this client may not
      if (isFinal) this.#role = 'invited';
    } else {
      this.#isAnswered = true;
      const error = new JoinRefusedError({ threadId: this.id, reason: code });
      const hasReader = this.#readers.hasIterator;
      if (isFinal) this.end(error);
      else this.#joinLater(++this.#refusals);
      // iterators throw it, too
      if (isFinal && hasReader) this.#readers.emit('error', error);
      else this.tell(error);
    }
  }

  /** Over: readers get what they hold, then the end or the error. */
  end(error?: Error): void {
    if (this.#phase === 'over') return;
    this.suspend();
    this.#phase = 'over';
    this.#host.forget(this);
    this.#inbound.end();
    if (!this.#sharesReaders) this.#readers.end(error);
  }

  /** A reader holds less. */
  onTaken(): void {
    if (this.#phase !== 'paused' || this.#readers.held > this.settings.maxBuffered / 2) return;
    this.#phase = 'joining';
    this.join();
  }

  // --- InboundHost

  send(text: string): boolean {
    return this.#host.send(text);
  }

  acknowledge(offset: number): void {
    this.#host.acknowledge(this.id, offset);
  }

  report(error: unknown): void {
    this.#host.report(error);
  }

  tell(error: Error): void {
    if (!this.#readers.emit('error', error)) this.report(error);
  }

  /** Not what a server does that knows what we have: from the beginning, but not at once for ever. */
  onDisorder(times: number): void {
    this.#phase = 'joining';
    if (times === 0) this.join();
    else this.#joinLater(times);
  }

  /** What can be asked for again waits on the server; else, and where only streams are read, the oldest is given up. */
  onOverflow(): void {
    if (this.#role === 'invited' || (this.#readers.isUnread && this.#readers.has('stream'))) {
      const position = this.#readers.drop(Math.floor(this.settings.maxBuffered / 2));
      this.#readers.emit('gap', { why: 'overflow', position: position ?? '' });
      return;
    }
    if (this.#role === 'own') this.send(requests.leave(this.id));
    this.#inbound.suspend();
    this.#phase = 'paused';
  }

  get #isJoined(): boolean {
    return this.#phase === 'joined';
  }

  #onJoined({ position, recovered, ref }: JoinedFrame): void {
    // the application may join for it: where it asked for what is new, that does as well, and later it is news
    const isNew = this.#asked === undefined || this.#role === 'invited';
    const isWelcome = this.#isJoined || (isNew && this.#phase === 'joining');
    if (ref === this.#ref) this.#isAnswered = true;
    else if (ref !== undefined) {
      // of a thread that was left before the application joined: the leave that followed took both
      if (this.#role === 'invited') this.end();
      return;
    } else if (!isWelcome) return;
    this.#phase = 'joined';
    this.#wasJoined = true;
    this.#refusals = 0;
    this.#inbound.begin(position, isNew && ref !== undefined);
    this.#readers.emit('joined', { position: formatPosition(position), recovered });
    // where the application joins, no gap follows
    if (this.#role === 'invited') this.#inbound.explain();
  }

  #onLeft(reason: string): void {
    // before `joined` it is of an earlier subscription, and what this one has asked for has an answer of its own
    if (!this.#wasJoined) return;
    // what was asked for before this was known must not bring it back
    if (!this.#isAnswered) this.send(requests.leave(this.id));
    this.end();
    this.#readers.emit('left', { reason });
  }

  #joinLater(attempt: number): void {
    const { backoff, random } = this.settings;
    this.#retry.set(backoffDelay(backoff, attempt, random), () => this.join());
  }
}
