import { Emitter } from '../../src/client/emitter.ts';
import { fieldsOf, numberOf, textOf, type Fields } from '../../src/client/fields.ts';
import type { ClientClock } from '../../src/client/clock.ts';
import { FakeWebSocket } from '../../src/testing/index.ts';
import type { Dialled } from '../../src/testing/fake-web-socket.ts';
import { OldThread } from './old-thread.ts';
import type { PageClient, PageClientEvents, PageThread } from './page-client.ts';

/** How it dials, and what it leaves to chance. */
export interface OldOptions {
  readonly network: Dialled;
  readonly clock: ClientClock;
  readonly random: () => number;
}

/** A publish that has no answer. */
interface Pending {
  readonly frame: Fields;
  readonly answer: Promise<{ readonly data: unknown }>;
  readonly resolve: (answer: { readonly data: unknown }) => void;
  readonly reject: (error: Error) => void;
}

/** For `hello`, and for the answer to a publish. */
const PATIENCE_MS = { hello: 3_000, publish: 20_000 };

/** The session is over. */
const UNAUTHENTICATED = 4401;

/**
 * A client of 0.1, made from the wire protocol alone: it joins, acknowledges, publishes and comes back with its positions. It knows no parts,
 * lists, streams, values, history, edits, removals or bytes, and leaves out what it does not know.
 */
export class OldClient extends Emitter<PageClientEvents> implements PageClient {
  readonly #options: OldOptions;
  readonly #threads = new Map<string, OldThread>();
  readonly #pending = new Map<string, Pending>();
  #socket: FakeWebSocket | undefined;
  #isGreeted = false;
  #isClosed = false;
  #heardAt = 0;
  #patienceMs = PATIENCE_MS.hello;
  #refs = 0;

  constructor(options: OldOptions) {
    super(['signIn', 'error']);
    this.#options = options;
    this.#dial();
  }

  /** The listeners of the simulator throw nothing. */
  override report(error: unknown): void {
    throw error;
  }

  join(threadId: string, { from }: { from?: string | undefined } = {}): PageThread {
    const thread = new OldThread(threadId, from, {
      say: (frame) => this.#say(frame),
      later: (act, delayMs) => this.#later(act, delayMs),
      rejoin: (of) => {
        if (this.#threads.get(of.id) === of && this.#isGreeted) of.join(++this.#refs);
      },
      forget: (of) => {
        if (this.#threads.get(of.id) === of) this.#threads.delete(of.id);
      },
    });
    this.#threads.set(threadId, thread);
    if (this.#isGreeted) thread.join(++this.#refs);
    return thread;
  }

  publish(threadId: string, data: unknown, { id }: { id: string }): Promise<{ readonly data: unknown }> {
    const known = this.#pending.get(id);
    if (known !== undefined) return known.answer;
    const { promise, resolve, reject } = Promise.withResolvers<{ readonly data: unknown }>();
    const frame = { t: 'pub', th: threadId, id, d: data };
    this.#pending.set(id, { frame, answer: promise, resolve, reject });
    this.#say(frame);
    this.#later(() => this.#settle(id)?.reject(coded('TC_PUBLISH_TIMEOUT')), PATIENCE_MS.publish);
    return promise;
  }

  close(): void {
    this.#isClosed = true;
    this.#socket?.close();
    this.#forgetSocket();
    this.#threads.clear();
    for (const id of this.#pending.keys()) this.#settle(id)?.reject(coded('TC_CLIENT_CLOSED'));
  }

  #settle(id: string): Pending | undefined {
    const pending = this.#pending.get(id);
    this.#pending.delete(id);
    return pending;
  }

  #later(act: () => void, delayMs: number): void {
    this.#options.clock.setTimeout(() => this.#isClosed || act(), delayMs);
  }

  #dial(): void {
    const socket = new FakeWebSocket(this.#options.network, 'ws://hub.test/');
    const listen = (type: 'open' | 'message' | 'close', listener: (event: Fields) => void): void =>
      socket.addEventListener(type, (event) => {
        if (this.#socket === socket) listener(fieldsOf(event));
      });
    this.#socket = socket;
    this.#heard(PATIENCE_MS.hello);
    this.#watch(socket);
    listen('message', ({ data }) => {
      this.#heard();
      this.#receive(fieldsOf(JSON.parse(String(data))));
    });
    listen('close', ({ code, reason }) => {
      this.#forgetSocket();
      if (code === UNAUTHENTICATED) this.emit('signIn', { reason: String(reason) });
      else this.#redial();
    });
  }

  #redial(): void {
    this.#later(() => this.#dial(), 100 + 1_000 * this.#options.random());
  }

  #heard(patienceMs = this.#patienceMs): void {
    this.#heardAt = this.#options.clock.now();
    this.#patienceMs = patienceMs;
  }

  /** A page sees no pings: where the server has been silent for too long, the line is dead. */
  #watch(socket: FakeWebSocket): void {
    const left = this.#heardAt + this.#patienceMs - this.#options.clock.now();
    this.#later(
      () => {
        if (this.#socket !== socket) return;
        if (this.#options.clock.now() < this.#heardAt + this.#patienceMs) return this.#watch(socket);
        this.#forgetSocket();
        socket.close();
        this.#redial();
      },
      Math.max(1, left),
    );
  }

  #forgetSocket(): void {
    this.#socket = undefined;
    this.#isGreeted = false;
    for (const thread of this.#threads.values()) thread.suspend();
  }

  #say(frame: Fields): void {
    if (this.#isGreeted) this.#socket?.send(JSON.stringify(frame));
  }

  #receive(frame: Fields): void {
    const { t, ref, code, d, pingMs } = frame;
    const id = textOf(frame['id']);
    const thread = this.#threads.get(textOf(frame['th']) ?? '');
    if (t === 'hello') {
      this.#isGreeted = true;
      this.#heard(2.5 * Math.max(1_000, numberOf(pingMs) ?? 0));
      for (const each of this.#threads.values()) each.join(++this.#refs);
      for (const { frame: again } of this.#pending.values()) this.#say(again);
    } else if (t === 'ok') this.#settle(id ?? '')?.resolve({ data: d });
    else if (t === 'err' && id !== undefined) {
      this.#settle(id)?.reject(coded('TC_PUBLISH_REFUSED', textOf(code)));
    } else if (t === 'err') {
      if (thread?.isAnswered(ref) === true) thread.refused(String(code));
    } else thread?.receive(frame);
  }
}

function coded(code: string, reason?: string): Error {
  return Object.assign(new Error(`${code} ${reason ?? ''}`), { code, reason });
}
