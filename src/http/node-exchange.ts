import type { IncomingMessage } from 'node:http';
import { IncomingMessage as Http1Request, OutgoingMessage } from 'node:http';
import type { Http2ServerRequest } from 'node:http2';
import { directAddress } from '../infra/socket/client-address.ts';
import type { BodyLimits, Exchange, HeaderList, HttpRequest } from './exchange.ts';
import { nodeSink, type NodeResponse } from './node-sink.ts';
import { Problem } from './problem.ts';
import type { OpenSink } from './sink.ts';

/** How long a client may go on sending a body that is not wanted, after its answer. */
const LINGER_MS = 1_000;

export class NodeExchange implements Exchange {
  readonly request: HttpRequest;
  readonly #request: IncomingMessage | Http2ServerRequest;
  readonly #response: NodeResponse;
  #abortController: AbortController | undefined;
  #isGone = false;
  #goneListener: (() => void) | undefined;
  #onDone: (() => void) | undefined;

  constructor(request: IncomingMessage | Http2ServerRequest, response: NodeResponse) {
    this.#request = request;
    this.#response = response;
    this.request = request;
    // they have no other listener: without one, a reset would end the process
    response.on('error', ignore);
    request.on('error', ignore);
    response.once('close', this.#onGone);
    // an answer that waits for an earlier one has no socket, and no end of its own
    if (!this.canStream) request.socket.once('close', this.#onGone);
  }

  get method(): string {
    return this.#request.method ?? 'GET';
  }

  get url(): string {
    return wholeUrlOf(this.#request);
  }

  get headers(): IncomingMessage['headers'] {
    const request = this.#request;
    return request instanceof Http1Request ? request.headers : { host: request.authority, ...request.headers };
  }

  get directAddress(): string | undefined {
    return directAddress({ socket: this.#request.socket });
  }

  get remoteAddress(): string | undefined {
    return this.#request.socket.remoteAddress;
  }

  get canStream(): boolean {
    return !(this.#response instanceof OutgoingMessage) || this.#response.socket !== null;
  }

  get isGone(): boolean {
    return this.#isGone;
  }

  onGone(listener: () => void): void {
    this.#goneListener = listener;
  }

  get signal(): AbortSignal {
    this.#abortController ??= new AbortController();
    if (this.#isGone) this.#abortController.abort();
    return this.#abortController.signal;
  }

  body({ maxBytes, timeoutMs, clock, hold }: BodyLimits): Promise<Buffer> {
    const request = this.#request;
    // a framework's body parser has read it
    const parsed: unknown = Reflect.get(request, 'body');
    if (request.readableEnded) return bodyOf(parsed, maxBytes);
    return new Promise((resolve, reject) => {
      const chunks: Buffer[] = [];
      let bytes = 0;
      let held = 0;
      const end = (error?: Problem): void => {
        clock.clearTimeout(timer);
        hold.give(held);
        request.off('data', onData).off('end', onEnd).off('close', onClose).pause();
        if (error === undefined) resolve(Buffer.concat(chunks, bytes));
        else reject(error);
      };
      const onData = (chunk: Buffer): void => {
        bytes += chunk.length;
        const isRoom = hold.take(chunk.length);
        if (isRoom) held += chunk.length;
        if (bytes > maxBytes) end(new Problem(413, 'TC_MESSAGE_TOO_LARGE', `the body has more than ${maxBytes} bytes`));
        else if (isRoom) chunks.push(chunk);
        else end(new Problem(503, 'unavailable', 'too many bodies are being read'));
      };
      const onEnd = (): void => end();
      const onClose = (): void => end(new Problem(400, 'bad-request', 'the body is not complete'));
      const timer = clock.setTimeout(
        () => end(new Problem(408, 'timeout', 'the body has not come in time')),
        timeoutMs,
      );
      request.on('data', onData).on('end', onEnd).on('close', onClose);
    });
  }

  send(status: number, headers: HeaderList, body?: string | readonly Uint8Array[], onDone?: () => void): void {
    const response = this.#response;
    if (this.#isGone || response.headersSent) {
      onDone?.();
      return;
    }
    this.#onDone = onDone;
    const parts = typeof body === 'string' ? [Buffer.from(body)] : (body ?? []);
    const bytes = parts.reduce((sum, { length }) => sum + length, 0);
    const isUnread = !this.#request.complete;
    const isOld = this.#request instanceof Http1Request;
    const length = body === undefined ? {} : { 'content-length': String(bytes) };
    writeHead(response, status, { ...headers, ...length, ...(isUnread && isOld && { connection: 'close' }) });
    for (const part of parts) write(response, part);
    response.end();
    if (isUnread) this.#linger();
  }

  open(status: number, headers: HeaderList): OpenSink {
    return (listener) => {
      const response = this.#response;
      writeHead(response, status, headers);
      if (response instanceof OutgoingMessage) response.flushHeaders();
      return nodeSink(response, listener);
    };
  }

  readonly #onGone = (): void => {
    if (this.#isGone) return;
    this.#isGone = true;
    this.#abortController?.abort();
    this.#goneListener?.();
    this.#onDone?.();
  };

  abort(): void {
    this.#response.destroy();
  }

  /** What the client goes on sending is thrown away, for a while: a cut at once would overtake the answer. */
  #linger(): void {
    const request = this.#request;
    request.resume();
    const timer = setTimeout(() => request.destroy(), LINGER_MS);
    request.once('close', () => clearTimeout(timer));
    request.once('end', () => clearTimeout(timer));
  }
}

/** Frameworks remove the mount from `url`, and keep the whole path in `originalUrl`. */
export function wholeUrlOf(request: IncomingMessage | Http2ServerRequest): string {
  const original: unknown = Reflect.get(request, 'originalUrl');
  return typeof original === 'string' ? original : (request.url ?? '');
}

/** @param parsed what a body parser made of it */
async function bodyOf(parsed: unknown, maxBytes: number): Promise<Buffer> {
  const body = Buffer.isBuffer(parsed) ? parsed : Buffer.from(typeof parsed === 'string' ? parsed : textOf(parsed));
  if (body.length > maxBytes)
    throw new Problem(413, 'TC_MESSAGE_TOO_LARGE', `the body has more than ${maxBytes} bytes`);
  return body;
}

function textOf(parsed: unknown): string {
  // its result is undefined for undefined
  const text: string | undefined = JSON.stringify(parsed);
  if (text === undefined) throw new Problem(400, 'bad-request', 'the body was read before, and is lost');
  return text;
}

/** The two kinds of response have these methods under types that cannot be called together. */
function write(response: NodeResponse, bytes: Uint8Array): void {
  if (response instanceof OutgoingMessage) response.write(bytes);
  else response.write(bytes, 'utf8');
}

function writeHead(response: NodeResponse, status: number, headers: HeaderList): void {
  if (response instanceof OutgoingMessage) response.writeHead(status, { ...headers });
  else response.writeHead(status, { ...headers });
}

function ignore(): void {}
