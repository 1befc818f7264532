import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import { connect as connectTcp } from 'node:net';
import { onTestFinished } from 'vitest';
import { WebSocket, type ClientOptions } from 'ws';
import {
  createHub,
  type AttachOptions,
  type Connection,
  type Hub,
  type HubOptions,
  type Session,
} from '../../src/index.ts';
import { VirtualClock } from '../../src/testing/index.ts';
import { closeHub, SteppedClock } from './stepped-clock.ts';

export interface Door {
  readonly http: Server;
  readonly hub: Hub;
  readonly port: number;
  readonly url: string;
  readonly errors: unknown[];
  readonly detach: () => void;
}

export async function listen(): Promise<{ http: Server; port: number }> {
  const http = createServer((_, response) => response.end('a page'));
  http.listen(0, '127.0.0.1');
  await once(http, 'listening');
  const address = http.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  onTestFinished(async () => {
    http.closeAllConnections();
    http.close();
    await once(http, 'close');
  });
  return { http, port: address.port };
}

export function makeHub(options: HubOptions = {}): { hub: Hub; errors: unknown[] } {
  const hub = createHub(options);
  const errors: unknown[] = [];
  hub.on('error', (error) => errors.push(error));
  onTestFinished(() => {
    if (!(options.clock instanceof VirtualClock) || options.clock instanceof SteppedClock)
      return closeHub(hub, options.clock);
    const closed = hub.close();
    return options.clock.advance(2_000).then(() => closed);
  });
  return { hub, errors };
}

export async function serve<S extends Session>(
  options: AttachOptions<S> = {},
  hubOptions: HubOptions = {},
): Promise<Door> {
  const { http, port } = await listen();
  const { hub, errors } = makeHub(hubOptions);
  const detach = hub.attach(http, options);
  return { http, hub, port, url: `ws://127.0.0.1:${port}`, errors, detach };
}

/** A caller without types. */
export function attachUntyped(hub: Hub, ...args: unknown[]): unknown {
  const attach: unknown = Reflect.get(hub, 'attach');
  return typeof attach === 'function' ? Reflect.apply(attach, hub, args) : undefined;
}

/** A client that keeps what it gets. */
export class Guest {
  readonly socket: WebSocket;
  readonly frames: Record<string, unknown>[] = [];
  readonly texts: string[] = [];
  /** 101, or the status of the refusal; 0 where the socket ended without an answer. */
  readonly status: Promise<number>;
  readonly closed: Promise<number>;
  response: IncomingMessage | undefined;
  #onMessage: (() => void) | undefined;

  constructor(url: string, options: ClientOptions & { protocols?: string[] } = {}) {
    this.socket = new WebSocket(url, options.protocols ?? [], options);
    this.closed = new Promise((resolve) => {
      this.socket.once('close', resolve);
    });
    this.status = new Promise((resolve) => {
      this.socket.once('open', () => resolve(101));
      this.socket.once('error', () => resolve(0));
      this.socket.once('unexpected-response', (request, response) => {
        this.response = response;
        request.destroy();
        resolve(response.statusCode ?? 0);
      });
    });
    this.socket.on('error', () => {});
    this.socket.on('message', (data: Buffer) => {
      this.texts.push(data.toString());
      const frame: unknown = JSON.parse(data.toString());
      if (isRecord(frame)) this.frames.push(frame);
      this.#onMessage?.();
    });
    onTestFinished(() => this.socket.terminate());
  }

  async until(isDone: (guest: this) => boolean): Promise<void> {
    while (!isDone(this)) {
      await new Promise<void>((resolve) => {
        this.#onMessage = resolve;
      });
    }
  }

  /** The frames of one kind, when there are `count`. */
  async got(type: string, count = 1): Promise<Record<string, unknown>[]> {
    const those = (): Record<string, unknown>[] => this.frames.filter(({ t }) => t === type);
    await this.until(() => those().length >= count);
    return those();
  }
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}

export const statusOf = (url: string, options?: ClientOptions): Promise<number> => new Guest(url, options).status;

export const withOrigin = (origin: string): ClientOptions => ({ headers: { origin } });

/** What the server answers to these bytes, when it has closed the socket. */
export async function answerTo(port: number, text: string): Promise<string> {
  const socket = connectTcp(port, '127.0.0.1');
  const chunks: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => chunks.push(chunk));
  socket.on('error', () => {});
  socket.write(text);
  await new Promise((resolve) => {
    socket.once('close', resolve);
  });
  return Buffer.concat(chunks).toString();
}

export const request = (lines: string[], target = '/', version = '1.1'): string =>
  [`GET ${target} HTTP/${version}`, ...lines, '', ''].join('\r\n');

export const HANDSHAKE = [
  'Host: localhost',
  'Connection: Upgrade',
  'Upgrade: websocket',
  'Sec-WebSocket-Version: 13',
  'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
];

export const nextConnection = (hub: Hub): Promise<Connection> =>
  new Promise((resolve) => {
    hub.on('connection', resolve);
  });

/** An `authenticate` that the test answers. */
export function slowly() {
  const calls: { request: IncomingMessage; signal: AbortSignal; answer: (session: Session | false) => void }[] = [];
  let onCall: (() => void) | undefined;
  return {
    calls,
    authenticate: (request: IncomingMessage, { signal }: { signal: AbortSignal }): Promise<Session | false> => {
      const { promise, resolve } = Promise.withResolvers<Session | false>();
      calls.push({ request, signal, answer: resolve });
      onCall?.();
      return promise;
    },
    async called(count: number) {
      while (calls.length < count) {
        await new Promise<void>((resolve) => {
          onCall = resolve;
        });
      }
      return calls.slice(0, count);
    },
  };
}

export const aborted = (signal: AbortSignal): Promise<unknown> =>
  signal.aborted ? Promise.resolve() : once(signal, 'abort');
