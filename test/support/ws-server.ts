import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { WebSocket, WebSocketServer, type ServerOptions } from 'ws';
import { createHub, type AcceptOptions, type Hub, type HubOptions } from '../../src/index.ts';
import { closeHub } from './stepped-clock.ts';

/** A real server on loopback whose sockets a hub takes over. */
export interface WsServer {
  readonly hub: Hub;
  readonly url: string;
  close(): Promise<void>;
}

export async function serveWs(
  options: { hub?: HubOptions; ws?: ServerOptions; accept?: AcceptOptions } = {},
): Promise<WsServer> {
  // how long a message may take is not what these tests are about
  const hub = createHub({ ...options.hub, serializer: { timeoutMs: 60_000, ...options.hub?.serializer } });
  const http = createServer();
  const wss = new WebSocketServer({ ...options.ws, server: http });
  wss.on('connection', (socket) => hub.accept(socket, { authorize: () => true, ...options.accept }));
  http.listen(0, '127.0.0.1');
  await once(http, 'listening');
  const address: AddressInfo | string | null = http.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return {
    hub,
    url: `ws://127.0.0.1:${address.port}`,
    async close() {
      await closeHub(hub, options.hub?.clock);
      wss.close();
      http.close();
      await once(http, 'close');
    },
  };
}

/** A real client that keeps what it gets, joined to a thread. */
export class WsClient {
  readonly socket: WebSocket;
  readonly messages: { o: number; id: string; d: unknown }[] = [];
  readonly gaps: string[] = [];
  position = '';
  #epoch = '';
  readonly closed: Promise<number>;
  #onMessage: (() => void) | undefined;

  constructor(url: string, thread: string, from?: string) {
    this.socket = new WebSocket(url, { maxPayload: 0 });
    this.socket.on('open', () => this.socket.send(JSON.stringify({ t: 'join', th: thread, from })));
    this.socket.on('message', (data: Buffer) => this.#take(JSON.parse(data.toString())));
    this.socket.on('error', () => {});
    this.closed = once(this.socket, 'close').then(([code]) => Number(code));
  }

  /** Resolves when `isDone`, looked at after each frame. */
  async until(isDone: (client: this) => boolean): Promise<void> {
    while (!isDone(this)) {
      await new Promise<void>((resolve) => {
        this.#onMessage = resolve;
      });
    }
  }

  get isJoined(): boolean {
    return this.position !== '';
  }

  #take(frame: { t: string; o: number; id: string; d: unknown; pos: string; why: string }): void {
    if (frame.t === 'joined') {
      this.position = frame.pos;
      this.#epoch = frame.pos.split('.')[0] ?? '';
    }
    if (frame.t === 'gap') this.gaps.push(frame.why);
    if (frame.t === 'msg') {
      this.messages.push({ o: frame.o, id: frame.id, d: frame.d });
      this.position = `${this.#epoch}.${frame.o}.${frame.id}`;
    }
    this.#onMessage?.();
  }
}
