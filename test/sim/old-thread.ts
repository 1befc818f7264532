import { Emitter } from '../../src/client/emitter.ts';
import { isCount, textOf, type Fields } from '../../src/client/fields.ts';
import type { PageEvents, PageThread } from './page-client.ts';

const EVENTS = ['message', 'replaced', 'removed', 'stream', 'gap', 'joined', 'left', 'error'] as const;

/** What a thread needs from its client. */
interface Host {
  say(frame: Fields): void;
  later(act: () => void, delayMs: number): void;
  /** If it is still one of the client's. */
  rejoin(thread: OldThread): void;
  forget(thread: OldThread): void;
}

/** One thread of a client of 0.1, by the rules of the protocol for positions. */
export class OldThread extends Emitter<PageEvents> implements PageThread {
  readonly id: string;
  /** It knows none. */
  readonly values = undefined;
  readonly #host: Host;
  #from: string | undefined;
  #epoch: string | undefined;
  #offset = 0;
  #lastId = '';
  readonly #ahead = new Set<string>();
  #ref = 0;
  #isJoined = false;
  #ackedOffset = 0;

  constructor(id: string, from: string | undefined, host: Host) {
    super(EVENTS);
    this.id = id;
    this.#from = from;
    this.#host = host;
  }

  get position(): string | undefined {
    return this.#epoch === undefined ? this.#from : `${this.#epoch}.${this.#offset}.${this.#lastId}`;
  }

  /** The listeners of the simulator throw nothing. */
  override report(error: unknown): void {
    throw error;
  }

  /** On a new connection, or again after a refusal that may pass. */
  join(ref: number): void {
    this.#ref = ref;
    this.#isJoined = false;
    const { position: from } = this;
    this.#host.say({ t: 'join', th: this.id, ref, ...(from === undefined ? {} : { from }) });
  }

  leave(): void {
    this.#isJoined = false;
    this.#host.say({ t: 'leave', th: this.id });
    this.#host.forget(this);
  }

  isAnswered(ref: unknown): boolean {
    return ref === this.#ref;
  }

  refused(code: string): void {
    if (code !== 'forbidden') return this.#host.later(() => this.#host.rejoin(this), 1_000);
    this.#host.forget(this);
    this.emit('error', Object.assign(new Error('the join was refused'), { reason: code }));
  }

  receive(frame: Fields): void {
    const { t, ref, pos, why } = frame;
    if (t === 'joined') {
      if (ref !== this.#ref) return;
      this.#isJoined = true;
      // where a gap follows, the client keeps its own until it comes
      if (this.#epoch === undefined && (this.#from ?? 'start') === 'start') this.#moveTo(pos);
      else if (this.#epoch === undefined) this.#moveTo(this.#from);
      this.emit('joined', { position: this.position ?? '' });
    } else if (!this.#isJoined) return;
    else if (t === 'msg') this.#message(frame);
    else if (t === 'gap') {
      const before = this.#epoch;
      this.#moveTo(pos);
      if (before !== this.#epoch || why === 'fork') this.#ahead.clear();
      this.emit('gap', { why: String(why), position: this.position ?? '' });
    } else if (t === 'left') {
      // 0.1 ignores it; its page hears of it otherwise
      this.#host.forget(this);
      this.emit('left', { reason: String(why) });
    }
  }

  #moveTo(position: unknown): void {
    const [epoch, offset, ...id] = String(position).split('.');
    this.#epoch = epoch;
    this.#offset = Number(offset);
    this.#lastId = id.join('.');
  }

  #message({ o, id: of, d: data, ahead }: Fields): void {
    const id = textOf(of) ?? '';
    if (!isCount(o)) {
      this.emit('message', { id, data, offset: undefined, position: this.position ?? '', ahead: false });
      return;
    }
    if (o <= this.#offset || (ahead === true && this.#ahead.has(id))) return;
    if (ahead === true) this.#ahead.add(id);
    else {
      this.#offset = o;
      this.#lastId = id;
      this.#acknowledge();
      if (this.#ahead.delete(id)) return;
    }
    this.emit('message', { id, data, offset: o, position: this.position ?? '', ahead: ahead === true });
  }

  #acknowledge(): void {
    if (this.#ackedOffset > 0) return;
    this.#ackedOffset = this.#offset;
    this.#host.later(() => {
      this.#ackedOffset = 0;
      if (this.#isJoined) this.#host.say({ t: 'ack', th: this.id, o: this.#offset });
    }, 500);
  }

  /** The connection was lost. */
  suspend(): void {
    this.#isJoined = false;
  }
}
