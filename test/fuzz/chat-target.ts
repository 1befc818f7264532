import { createServer } from 'node:http';
import { doorOf } from '../../src/actors/gateway/hub-door.ts';
import { resolveAccept } from '../../src/actors/connection/resolve-accept-options.ts';
import { serveChat, type ChatServer, type ChatTurn, type UIChunk } from '../../src/ai/index.ts';
import type { Protocol } from '../../src/api/protocol.ts';
import { createHub, type Hub } from '../../src/index.ts';
import { FakeLink, VirtualClock } from '../../src/testing/index.ts';
import { ENDED, type Behaviour, type Input, type Target } from './input.ts';

/** Only the healthy client may use it. */
const HEALTHY = 'healthy';

/** The application throws where it is asked for the thread of this one. */
export const NO_CHAT = 'no-chat';

/** What a client can have the application throw. */
const THROWN = { model: new Error('the model failed'), thread: new Error('there is no such chat') };

/**
 * `serveChat`, and clients that say anything where the AI SDK's `WebSocketChatTransport` would be. Their answers begin, and go on until the
 * peer has said all, so that frames meet answers in progress. One healthy client asks and gets whole answers beside them.
 */
export class ChatTarget implements Target {
  readonly #clock = new VirtualClock(1_700_000_000_000);
  readonly #hub: Hub;
  readonly #chat: ChatServer;
  readonly #protocol: Protocol;
  readonly #healthy: FakeLink;
  readonly #reports: unknown[] = [];
  /** Lets the answers in progress end. */
  #release = Promise.withResolvers<void>();
  #asked = 0;
  #peers = 0;

  constructor() {
    let ids = 0;
    const hub = createHub({ clock: this.#clock, newId: () => `id-${++ids}`, development: false });
    this.#hub = hub;
    hub.on('error', (error) => {
      if (error !== THROWN.model && error !== THROWN.thread) this.#reports.push(error);
    });
    const protocols: Protocol[] = [];
    const attach = hub.attach.bind(hub);
    // its connections are made without sockets below
    hub.attach = (server, options) => {
      if (options?.protocol !== undefined) protocols.push(options.protocol);
      return attach(server, options);
    };
    this.#chat = serveChat(hub, createServer(), {
      authorize: ({ userId }, chatId) => (chatId === HEALTHY ? userId === HEALTHY : !chatId.startsWith('forbidden')),
      run: (turn) => this.#answer(turn),
      threadOf(chatId) {
        if (chatId === NO_CHAT) throw THROWN.thread;
        return `chat:${chatId}`;
      },
    });
    this.#protocol = protocols[0] ?? fail('no protocol');
    this.#healthy = this.#connect(HEALTHY);
  }

  async feed(inputs: readonly Input[]): Promise<readonly Behaviour[]> {
    const behaviours: Behaviour[] = [];
    let link = this.#connect(`user-${++this.#peers % 50}`);
    let seen = 0;
    for (const { data, isBinary } of inputs) {
      if (link.isClosed) [link, seen] = [this.#connect(`user-${++this.#peers % 50}`), 0];
      link.say(isBinary ? data : data.toString());
      await this.#clock.settle();
      const news = link.received.slice(seen).map(nameOf);
      seen = link.received.length;
      behaviours.push([link.isClosed ? ENDED : '', ...new Set(news), link.closeCode ?? ''].join(' '));
    }
    this.#release.resolve();
    this.#release = Promise.withResolvers();
    await this.#clock.advance(20);
    if (!link.isClosed) link.hangUp();
    await this.#clock.advance(1_000);
    return behaviours;
  }

  async check(): Promise<void> {
    const requestId = `r-${++this.#asked}`;
    const messages = [{ id: 'm', role: 'user', parts: [{ type: 'text', text: 'hello' }] }];
    const about = { id: HEALTHY, trigger: 'submit-message', messages, headers: {}, body: { quick: true } };
    this.#healthy.say({ type: 'send', requestId, ...about });
    await this.#clock.advance(100);
    const frames = this.#healthy.received.splice(0);
    const own = frames.map((frame): unknown => JSON.parse(frame)).map((frame) => Object(frame));
    const got = own.map(({ type, sequence, chunk }) => (type === 'chunk' ? `${sequence} ${chunk.type}` : type));
    const due = '0 start,1 text-start,2 text-delta,3 text-end,4 finish,end';
    if (got.join() !== due || own.some((frame) => frame.requestId !== requestId))
      fail(`the neighbour got ${frames.join('\n').slice(0, 2_000)}`);
    if (this.#healthy.isClosed) fail(`the neighbour was closed with ${this.#healthy.closeCode}`);
    if (this.#reports.length > 0) throw new Error('the hub reported an error of a client', { cause: this.#reports[0] });
    const { connections } = this.#hub.stats();
    if (connections.total !== 1 || this.#chat.runs !== 0)
      fail(`left of clients that went: ${connections.total - 1} connections, ${this.#chat.runs} answers`);
  }

  async close(): Promise<void> {
    this.#healthy.hangUp();
    this.#chat.close();
    const closed = this.#hub.close();
    await this.#clock.advance(30_000);
    await closed;
    const { segmentsInUse, threads } = this.#hub.stats();
    if (this.#clock.pending !== 0 || segmentsInUse !== 0 || threads !== 0)
      fail(`after the end: ${this.#clock.pending} timers, ${segmentsInUse} segments, ${threads} threads`);
  }

  #connect(userId: string): FakeLink {
    const link = new FakeLink();
    const door = doorOf(this.#hub) ?? fail('no hub');
    const settings = resolveAccept({ userId, data: {} }, door.context);
    door.port.accept(link.attach, {
      ...settings,
      format: 'plain',
      protocol: this.#protocol,
      maxInputBytes: this.#protocol.maxFrameBytes,
    });
    return link;
  }

  async *#answer({ body, signal }: ChatTurn): AsyncGenerator<UIChunk> {
    yield chunk('start', { messageId: 'a' });
    yield chunk('text-start', { id: 't' });
    yield chunk('text-delta', { id: 't', delta: 'words ' });
    if (body['fail'] !== undefined) throw THROWN.model;
    if (body['quick'] === undefined) await this.#toGoOn(signal);
    yield chunk('text-end', { id: 't' });
    yield chunk('finish', {});
  }

  #toGoOn(signal: AbortSignal): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    if (signal.aborted) resolve();
    signal.addEventListener('abort', () => resolve(), { once: true });
    void this.#release.promise.then(resolve);
    return promise;
  }
}

const chunk = (type: string, fields: object): UIChunk => ({ ...fields, type });

/** What a frame is, without what it is about. */
function nameOf(frame: string): string {
  const [, type = 'unknown', refusal = ''] = /^\{"type":"([a-z-]+)".*?(?:"errorText":"([^"]+)")?\}$/s.exec(frame) ?? [];
  const [, of = ''] = /"chunk":\{[^{}]*"type":"([a-z-]+)"/.exec(frame) ?? [];
  return `${type} ${of}${refusal}`;
}

function fail(what: string): never {
  throw new Error(what);
}
