import { createHub, type Hub } from '../../src/index.ts';
import { httpHandler, type HttpHandler } from '../../src/http/index.ts';
import { VirtualClock } from '../../src/testing/index.ts';
import type { Behaviour, Input, Target } from './input.ts';

const ORIGIN = 'http://hub.test';
const isOpen = (threadId: string): boolean => threadId.startsWith('room:');

/** Steps of a second until an answer has to be there: a poll waits for 30 s, `authenticate` and a body have 10 s each. */
const MOST_STEPS = 60;

/** An HTTP door, and clients that ask for anything. Each input is a request, as JSON. One healthy client reads an event stream beside them. */
export class HttpTarget implements Target {
  readonly #clock = new VirtualClock(1_700_000_000_000);
  readonly #hub: Hub;
  readonly #handler: HttpHandler;
  readonly #reports: unknown[] = [];
  readonly #healthy = new AbortController();
  #got: number[] = [];
  #text = '';
  #sent = 0;
  #isGone = false;

  private constructor() {
    let ids = 0;
    this.#hub = createHub({ clock: this.#clock, newId: () => `id-${++ids}`, development: false });
    this.#hub.on('error', (error) => this.#reports.push(error));
    const hub = this.#hub;
    this.#handler = httpHandler(hub, {
      path: '/chat',
      allowedOrigins: ['https://page.test'],
      authenticate: ({ url = '' }) => ({ userId: url.includes('healthy') ? 'healthy' : 'someone' }),
      authorize: (_session, threadId) => isOpen(threadId),
      onPublish: (_session, { threadId, id, data }) => hub.thread(threadId).send(data, { idempotencyKey: id }),
    });
  }

  static async open(): Promise<HttpTarget> {
    const target = new HttpTarget();
    const url = `${ORIGIN}/chat/events?thread=room:1&thread=room:2&healthy=1`;
    const response = await target.#ask(new Request(url, { signal: target.#healthy.signal }));
    if (response?.body == null) throw new Error('the neighbour has no stream');
    void target.#read(response.body);
    return target;
  }

  async feed(inputs: readonly Input[]): Promise<readonly Behaviour[]> {
    const behaviours: Behaviour[] = [];
    const links: { abort: AbortController; body: ReadableStreamDefaultReader<Uint8Array> | undefined }[] = [];
    let [key, sid] = ['none', 'none'];
    for (const { data } of inputs) {
      const abort = new AbortController();
      const request = requestIn(data.toString().replaceAll('KEY', key).replaceAll('SID', sid), abort.signal);
      if (request === undefined) {
        behaviours.push('no request');
        continue;
      }
      const response = await this.#ask(request);
      if (response === undefined) throw new Error(`no answer: ${data.toString()}`);
      const { status, headers } = response;
      if (this.#reports.length > 0)
        throw new Error(JSON.stringify([request.url, ...request.headers]), { cause: this.#reports[0] });
      if (status >= 500 && status !== 503) throw new Error(`${status}: ${data.toString()}`);
      const type = headers.get('content-type') ?? '';
      const body = response.body?.getReader();
      links.push({ abort, body });
      const text = await this.#firstOf(body);
      key = /"key":"([^"]+)"/.exec(text)?.[1] ?? key;
      sid = /"sid":"([^"]+)"/.exec(text)?.[1] ?? sid;
      const what = /"(?:t|code|type)":"([^"]+)"/.exec(text)?.[1] ?? '';
      behaviours.push(`${request.method} ${status} ${type} ${what}`);
    }
    for (const { abort, body } of links) {
      if (body !== undefined) await body.cancel();
      abort.abort();
    }
    await this.#clock.advance(100);
    return behaviours;
  }

  async check(): Promise<void> {
    const news = [++this.#sent, ++this.#sent];
    for (const n of news) {
      const sent = this.#hub.thread(`room:${(n % 2) + 1}`).send({ healthy: n });
      await this.#clock.settle();
      await sent;
    }
    for (let tries = 0; tries < 20 && this.#got.length < news.length; tries++) await this.#clock.advance(50);
    const got = this.#got.splice(0);
    if (got.join() !== news.join()) throw new Error(`the neighbour got ${got.join()} of ${news.join()}`);
    if (this.#isGone) throw new Error("the neighbour's stream has ended");
    if (this.#reports.length > 0) throw new Error('the hub reported an error of a client', { cause: this.#reports[0] });
    const { connections } = this.#hub.stats();
    if (connections.total !== 1) throw new Error(`${connections.total - 1} streams of clients that went are left`);
  }

  async close(): Promise<void> {
    this.#healthy.abort();
    const closed = this.#hub.close();
    await this.#clock.advance(30_000);
    await closed;
    const { segmentsInUse, threads } = this.#hub.stats();
    if (this.#clock.pending !== 0 || segmentsInUse !== 0 || threads !== 0)
      throw new Error(`after the end: ${this.#clock.pending} timers, ${segmentsInUse} segments, ${threads} threads`);
  }

  /** Undefined if the answer does not come in its time. */
  async #ask(request: Request): Promise<Response | undefined> {
    let response: Response | undefined;
    void this.#handler.fetch(request).then((answer) => {
      response = answer;
    });
    const isThere = (): boolean => response !== undefined;
    for (let step = 0; step < MOST_STEPS && !isThere(); step++) {
      for (let n = 0; n < 5 && !isThere(); n++) await this.#clock.settle();
      if (!isThere()) await this.#clock.advance(1_000);
    }
    return response;
  }

  /** What a response begins with. */
  async #firstOf(body: ReadableStreamDefaultReader<Uint8Array> | undefined): Promise<string> {
    let text = '';
    void body?.read().then(
      ({ value }) => {
        text = Buffer.from(value ?? []).toString();
      },
      () => {},
    );
    await this.#clock.settle();
    return text;
  }

  async #read(body: ReadableStream<Uint8Array>): Promise<void> {
    try {
      for await (const chunk of body) {
        this.#text += Buffer.from(chunk).toString();
        const events = this.#text.split('\n\n');
        this.#text = events.pop() ?? '';
        for (const event of events) {
          const [, n] = /"healthy":(\d+)/.exec(event) ?? [];
          if (n !== undefined) this.#got.push(Number(n));
        }
      }
    } catch {
      // aborted at the end
    }
    this.#isGone = true;
  }
}

/** The request that an input names, or one for what it says. Undefined for what no HTTP library would pass on. */
function requestIn(input: string, signal: AbortSignal): Request | undefined {
  const { method, path, headers, body } = wordsIn(input);
  const list = typeof headers === 'object' && headers !== null ? Object.entries(headers) : [];
  const url = String(path);
  try {
    return new Request(new URL(url.startsWith('/') ? url : `/chat/${url}`, ORIGIN), {
      method: typeof method === 'string' && /^[A-Z]{1,12}$/.test(method) ? method : 'GET',
      headers: list.map(([name, value]): [string, string] => [name, String(value)]),
      signal,
      ...(body === undefined || body === null ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    });
  } catch {
    return undefined;
  }
}

function wordsIn(input: string): Record<string, unknown> {
  try {
    const words: unknown = JSON.parse(input);
    if (typeof words === 'object' && words !== null) return { ...words };
  } catch {
    // no JSON any more
  }
  return { path: input };
}
