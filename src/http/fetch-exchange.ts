import type { IncomingHttpHeaders } from 'node:http';
import type { BodyLimits, Exchange, HeaderList, HttpRequest } from './exchange.ts';
import { FetchSink } from './fetch-sink.ts';
import { Problem } from './problem.ts';
import type { OpenSink } from './sink.ts';

/** A request of a server that speaks `Request` and `Response`. */
export class FetchExchange implements Exchange {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  readonly request: HttpRequest;
  readonly directAddress = undefined;
  readonly canStream = true;
  readonly remoteAddress = undefined;
  readonly signal: AbortSignal;
  readonly response: Promise<Response>;
  readonly #source: Request;
  #respond: (response: Response) => void = () => {};

  constructor(source: Request) {
    const { pathname, search, host } = new URL(source.url);
    this.#source = source;
    this.method = source.method;
    this.url = pathname + search;
    this.headers = { host, ...Object.fromEntries(source.headers) };
    this.signal = source.signal;
    this.request = { method: this.method, url: this.url, headers: this.headers, source };
    this.response = new Promise((resolve) => {
      this.#respond = resolve;
    });
  }

  get isGone(): boolean {
    return this.signal.aborted;
  }

  onGone(listener: () => void): void {
    this.signal.addEventListener('abort', listener, { once: true });
  }

  async body({ maxBytes, timeoutMs, clock, hold }: BodyLimits): Promise<Buffer> {
    const { body, bodyUsed } = this.#source;
    if (bodyUsed) throw new Problem(400, 'bad-request', 'the body was read before, and is lost');
    if (body === null) return Buffer.alloc(0);
    const reader: ReadableStreamDefaultReader<Uint8Array> = body.getReader();
    const late = Promise.withResolvers<never>();
    late.promise.catch(() => {});
    const timer = clock.setTimeout(
      () => late.reject(new Problem(408, 'timeout', 'the body has not come in time')),
      timeoutMs,
    );
    const chunks: Uint8Array[] = [];
    let bytes = 0;
    let held = 0;
    try {
      for (;;) {
        const { done, value } = await Promise.race([reader.read(), late.promise]);
        if (done) return Buffer.concat(chunks, bytes);
        bytes += value.length;
        const isRoom = hold.take(value.length);
        if (isRoom) held += value.length;
        if (bytes > maxBytes)
          throw new Problem(413, 'TC_MESSAGE_TOO_LARGE', `the body has more than ${maxBytes} bytes`);
        if (!isRoom) throw new Problem(503, 'unavailable', 'too many bodies are being read');
        chunks.push(value);
      }
    } catch (error) {
      reader.cancel().catch(() => {});
      throw error instanceof Problem ? error : new Problem(400, 'bad-request', 'the body is not complete');
    } finally {
      clock.clearTimeout(timer);
      hold.give(held);
    }
  }

  send(status: number, headers: HeaderList, body?: string | readonly Uint8Array[], onDone?: () => void): void {
    const bytes = body === undefined || typeof body === 'string' ? body : Buffer.concat(body);
    this.#respond(new Response(bytes ?? null, { status, headers: { ...headers } }));
    onDone?.();
  }

  open(status: number, headers: HeaderList): OpenSink {
    return (listener) => {
      const sink = new FetchSink(listener);
      this.signal.addEventListener('abort', sink.lost, { once: true });
      this.#respond(new Response(sink.body, { status, headers: { ...headers } }));
      return sink;
    };
  }

  abort(): void {
    this.#respond(new Response(null, { status: 503 }));
  }
}
