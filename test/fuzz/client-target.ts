import { z } from 'zod';
import { connect as connectBytes } from '../../src/bytes/index.ts';
import { connect as connectChunks } from '../../src/chunks/index.ts';
import { connect, type Client, type ClientThread, type ConnectOptions } from '../../src/client/index.ts';
import { defineThread } from '../../src/define/index.ts';
import { VirtualClock } from '../../src/testing/index.ts';
import { values } from '../../src/values/index.ts';
import { FakeSocket, joined, LISTS, msg } from '../client/fake-network.ts';
import { notes } from '../support/note-codec.ts';
import type { Behaviour, Input, Target } from './input.ts';

const room = defineThread('room:*', { message: z.unknown(), streams: { notes } });

const EVENTS = ['message', 'replaced', 'removed', 'stream', 'gap', 'progress', 'joined', 'left', 'error'] as const;

/** No input names it. */
const HEALTHY = 'healthy';

/** Frames that come in one turn, where the server does not wait for what the client makes of each. */
const MOST_OF_A_TURN = 24;

/** Times that a client is given to come back: it waits up to 20 s between attempts, and longer where a `bye` says so. */
const MOST_TRIES = 40;

/**
 * Clients of a server that says anything. Each feed has a client of its own, in one of three builds. Its thread beside the attacked ones has
 * to go on, after a reconnect if the client leaves such a server.
 */
export class ClientTarget implements Target {
  #feeds = 0;

  async feed(inputs: readonly Input[]): Promise<readonly Behaviour[]> {
    const clock = new VirtualClock(1_700_000_000_000);
    const sockets: FakeSocket[] = [];
    class ServerSocket extends FakeSocket {
      constructor(url: string, protocols?: string | string[]) {
        super(url, protocols);
        sockets.push(this);
      }
    }
    const news: string[] = [];
    const client = this.#connect({ WebSocket: ServerSocket, clock, random: () => 0.5, values, token: () => 'good' });
    client.on('error', (error) => news.push(`error ${codeOf(error)}`));
    client.on('signIn', () => news.push('signIn'));
    client.inbox.on('message', () => news.push('inbox'));
    const got = this.#listen(client, news);
    await clock.settle();
    const socket = () => sockets.at(-1) ?? fail('no socket');
    const answered = new Set<FakeSocket>();
    // the client publishes and asks, so that there is something to answer
    void client.publish('room:1', { n: 1 }, { id: 'p-1' }).then(
      () => news.push('published'),
      (error: unknown) => news.push(`refused ${codeOf(error)}`),
    );
    await this.#answer(socket(), answered, clock);
    if (got.length !== 1) fail(`before any junk, the client gave ${got.length} of 1 messages`);
    const behaviours: Behaviour[] = [];
    const atOnce = this.#feeds % 4 === 0 ? 1 : MOST_OF_A_TURN;
    for (let from = 0; from < inputs.length; from += atOnce) {
      news.length = 0;
      const some = inputs.slice(from, from + atOnce);
      for (const { data, isBinary } of some) {
        const { readyState } = socket();
        if (readyState === 1 && isBinary) socket().sayBytes(new Uint8Array(data).buffer);
        else if (readyState === 1) socket().say(data.toString());
      }
      await clock.settle();
      const behaviour = [...new Set(news), socket().closedWith ?? ''].join(' ');
      behaviours.push(...some.map(() => (atOnce === 1 ? behaviour : undefined)));
    }
    for (let tries = 0; got.length === 1 && client.state !== 'closed'; tries++) {
      if (tries === MOST_TRIES) fail(`the client has not come back: ${client.state}`);
      await this.#answer(socket(), answered, clock);
      if (got.length === 1) await clock.advance(30_000);
    }
    // a server may end a session, and then no message is due
    if (client.state !== 'closed' && got.join() !== '1,2') fail(`the neighbour thread got ${got.join()}`);
    client.close();
    await clock.settle();
    if (clock.pending !== 0) fail(`${clock.pending} timers are left of a closed client`);
    return behaviours;
  }

  async check(): Promise<void> {}

  async close(): Promise<void> {}

  #connect(options: ConnectOptions): Client {
    const url = 'ws://hub.test/ws';
    const build = this.#feeds++ % 3;
    if (build === 0) return connect(url, options);
    return build === 1 ? connectBytes(url, options) : connectChunks(url, { ...options, threads: [room] });
  }

  /** @returns the numbers that the healthy thread has given, as they come */
  #listen(client: Client, news: string[]): unknown[] {
    const got: unknown[] = [];
    for (const id of ['room:1', 'room:2']) {
      const thread: ClientThread = client.join(id, { from: 'start' });
      for (const event of EVENTS) thread.on(event, () => news.push(event));
      thread.values?.on('value', () => news.push('value'));
      void this.#read(thread.follow('s-1'), news);
      thread.loadOlder({ limit: 5 }).then(
        () => news.push('older'),
        (error: unknown) => news.push(`older ${codeOf(error)}`),
      );
    }
    const healthy = client.join(HEALTHY, { from: 'start' });
    healthy.on('message', ({ data }) => got.push(typeof data === 'object' && data !== null && 'n' in data && data.n));
    healthy.on('gap', ({ why }) => got.push(why));
    return got;
  }

  async #read(stream: AsyncIterable<string>, news: string[]): Promise<void> {
    try {
      for await (const _text of stream) news.push('text');
      news.push('text end');
    } catch (error) {
      news.push(`text ${codeOf(error)}`);
    }
  }

  /** The server as it should be, on this socket: one message on the first, the second on the newest. */
  async #answer(socket: FakeSocket, answered: Set<FakeSocket>, clock: VirtualClock): Promise<void> {
    if (socket.readyState === 2) socket.lose(1000);
    if (socket.readyState === 0) socket.open({ ...LISTS, limits: { list: 16, history: 10, binary: 65_536 } });
    await clock.settle();
    if (socket.readyState !== 1) return;
    if (answered.size > 0 || answered.has(socket)) {
      if (!answered.has(socket)) socket.say(joined(HEALTHY, 'e.1.m1'));
      socket.say(msg(HEALTHY, 2, { d: { n: 2 } }));
    } else {
      socket.say(
        joined('room:1', 'e.0.'),
        joined('room:2', 'e.0.'),
        joined(HEALTHY, 'e.0.'),
        msg(HEALTHY, 1, { d: { n: 1 } }),
      );
    }
    answered.add(socket);
    await clock.settle();
  }
}

function fail(what: string): never {
  throw new Error(what);
}

const codeOf = (error: unknown): string =>
  typeof error === 'object' && error !== null && 'code' in error ? String(error.code) : String(error);
