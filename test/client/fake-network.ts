import { connect, type Client, type ConnectOptions, type WebSocketLike } from '../../src/client/index.ts';
import { VirtualClock } from '../../src/testing/index.ts';

type EventType = 'open' | 'message' | 'close' | 'error';

/** A WebSocket in memory: the test is the server. */
export class FakeSocket implements WebSocketLike {
  readonly url: string;
  readonly protocols: string | string[] | undefined;
  readyState = 0;
  /** Frames that the client has sent, parsed, without the `ref` of joins. */
  readonly sent: Record<string, unknown>[] = [];
  /** Of each join that the client has sent. */
  readonly refs: unknown[] = [];
  readonly #refOf = new Map<unknown, unknown>();
  /** Code that the client has closed with. */
  closedWith: number | undefined;
  onSend: (frame: Record<string, unknown>) => void = () => {};
  readonly #listeners: [EventType, (event: unknown) => void][] = [];

  constructor(url: string, protocols?: string | string[]) {
    this.url = url;
    this.protocols = protocols;
  }

  addEventListener(type: EventType, listener: (event: unknown) => void): void {
    this.#listeners.push([type, listener]);
  }

  send(text: string): void {
    if (this.readyState !== 1) throw new Error('not open');
    const { ref, ...frame }: Record<string, unknown> = JSON.parse(text);
    if (frame['t'] === 'join') this.#joins(frame['th'], ref);
    if (frame['t'] === 'joins' && Array.isArray(frame['l'])) for (const [th, each] of frame['l']) this.#joins(th, each);
    if (frame['t'] === 'inbox') this.refs.push(ref);
    this.sent.push(frame);
    this.onSend(frame);
  }

  close(code?: number): void {
    this.closedWith = code;
    this.readyState = 2;
  }

  /** The handshake is done. */
  upgrade(): this {
    this.readyState = 1;
    this.#dispatch('open', {});
    return this;
  }

  /** The handshake is done, and a hub is there: an old one, unless another `hello` is given. */
  open(hello: object = HELLO): this {
    return this.upgrade().say(hello);
  }

  /** The server says something; a `joined` without a `ref` is the answer to the newest join of its thread. */
  say(...frames: unknown[]): this {
    for (const frame of frames) {
      this.#dispatch('message', { data: typeof frame === 'string' ? frame : JSON.stringify(this.#answer(frame)) });
    }
    return this;
  }

  /** The server sends what is no text. */
  sayBytes(data: unknown): void {
    this.#dispatch('message', { data });
  }

  /** The server refuses the newest join. */
  refuse(th: string, code: string): this {
    return this.say({ t: 'err', code, th, ref: this.refs.at(-1) });
  }

  /** The socket is gone. */
  lose(code = 1006, reason = ''): void {
    this.readyState = 3;
    if (code === 1006) this.#dispatch('error', {});
    this.#dispatch('close', { code, reason });
  }

  /** Frames of one kind that the client has sent. */
  sentOf(t: string): Record<string, unknown>[] {
    return this.sent.filter((frame) => frame['t'] === t);
  }

  #joins(th: unknown, ref: unknown): void {
    this.refs.push(ref);
    this.#refOf.set(th, ref);
  }

  #answer(frame: unknown): unknown {
    if (typeof frame !== 'object' || frame === null || !('t' in frame) || frame.t !== 'joined') return frame;
    return { ref: 'th' in frame ? this.#refOf.get(frame.th) : undefined, ...frame };
  }

  #dispatch(type: EventType, event: unknown): void {
    for (const [of, listener] of this.#listeners) if (of === type) listener(event);
  }
}

/** A client whose sockets, time and randomness are the test's. */
export function fakeNetwork(options: ConnectOptions = {}, url = 'ws://hub.test/ws') {
  const sockets: FakeSocket[] = [];
  const clock = new VirtualClock();
  class NetworkSocket extends FakeSocket {
    constructor(url: string, protocols?: string | string[]) {
      super(url, protocols);
      sockets.push(this);
    }
  }
  const errors: unknown[] = [];
  const states: string[] = [];
  let ids = 0;
  const client: Client = connect(url, {
    WebSocket: NetworkSocket,
    clock,
    random: () => 0,
    newId: () => `id-${++ids}`,
    ...options,
  });
  client.on('error', (error) => errors.push(error));
  client.on('state', ({ to }) => states.push(to));
  return {
    client,
    clock,
    sockets,
    errors,
    states,
    /** The newest socket. */
    get socket(): FakeSocket {
      const socket = sockets.at(-1);
      if (socket === undefined) throw new Error('no socket yet');
      return socket;
    },
  };
}

/** All that an iterator gives until it ends. */
export async function allOf<T>(iterable: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const one of iterable) all.push(one);
  return all;
}

/** The end of this turn: joins go out together. */
export const turn = (): Promise<void> => Promise.resolve();

/** What the promise is rejected with. Ask before it happens. */
export const rejectionOf = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    (value) => {
      throw new Error('was expected to be rejected', { cause: value });
    },
    (error: unknown) => error,
  );

export const HELLO = { t: 'hello', sid: 's', limits: {} };

/** Of a server that takes lists. */
export const LISTS = { ...HELLO, limits: { list: 4 } };

export const msg = (th: string, o: number, more: object = {}) => ({
  t: 'msg',
  th,
  o,
  id: `m${o}`,
  d: { n: o },
  ...more,
});
export const joined = (th: string, pos: string, recovered = 0) => ({ t: 'joined', th, pos, recovered });
