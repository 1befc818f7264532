import type { ClientClock } from './clock.ts';
import type { Frame, WebSocketLike } from './socket.ts';

/** Where and how an `EventSocket` asks. */
export interface EventSocketOptions {
  /** Where the server has its `httpHandler`: an `http:` or `https:` URL, or a path. @default the client's URL */
  url: string;
  /** Whether requests to another site carry cookies, as in `fetch`. @default 'same-origin' */
  credentials: 'omit' | 'same-origin' | 'include';
}

type Listener = (event: unknown) => void;

/** Close codes for the statuses of a refusal; any other is a lost line. */
const CODES: Readonly<Record<number, number>> = { 400: 4400, 401: 4401, 403: 4403, 429: 4429, 503: 1013 };

/** UTF-16 units of frames in one request, unless one frame has more. */
const MAX_BATCH = 32_768;

/**
 * How long a request with frames may take, and how much longer for each of its UTF-16 units: 8 KB a second. Its connection may be dead while the
 * events of another one come: the system would give it up after minutes, and no frame goes out meanwhile.
 */
const REQUEST_MS = 30_000;
const REQUEST_MS_PER_UNIT = 1 / 8;

/** After a request has failed: the stream ends as well perhaps, and its last event, which says why, is still on its way. */
const LAST_WORD_MS = 1_000;

/** A binary frame with its bytes as base64. */
function asText(frame: Uint8Array): string {
  const end = frame.indexOf(0);
  const header = new TextDecoder().decode(frame.subarray(0, end));
  const bytes = Array.from(frame.subarray(end + 1), (byte) => String.fromCharCode(byte)).join('');
  return `${header.slice(0, -1)},"enc":"base64","d":"${btoa(bytes)}"}`;
}

/** Looks like a WebSocket: frames come as events of one response, and go in requests, one at a time. */
export class EventSocket implements WebSocketLike {
  readyState = 0;
  readonly #init: RequestInit;
  #isSending = false;
  readonly #listeners: [type: string, listener: Listener][] = [];
  #key: unknown;
  readonly #abort = new AbortController();
  readonly #url: string;
  #requests = 0;
  readonly #queue: string[] = [];
  readonly #clock: ClientClock;
  #timer: unknown;

  constructor(address: string, { url, credentials = 'same-origin' }: Partial<EventSocketOptions>, clock: ClientClock) {
    this.#clock = clock;
    const [path = '', query = ''] = address.split('?');
    this.#url = `${(url ?? path.replace(/^ws/i, 'http')).replace(/\/$/, '')}/link?${query}`;
    this.#init = { credentials, cache: 'no-store', signal: this.#abort.signal };
    void this.#receive();
  }

  addEventListener(type: 'open' | 'message' | 'close' | 'error', listener: Listener): void {
    this.#listeners.push([type, listener]);
  }

  send(frame: Frame): void {
    this.#queue.push(typeof frame === 'string' ? frame : asText(frame));
    if (!this.#isSending) void this.#flush();
  }

  close(code = 1000, reason = ''): void {
    this.#end(code, reason);
  }

  #end(code: number, reason: string): void {
    if (this.readyState === 3) return;
    this.readyState = 3;
    this.#clock.clearTimeout(this.#timer);
    this.#abort.abort();
    this.#emit('close', { code, reason });
  }

  #emit(type: string, event: object): void {
    for (const [wanted, listener] of this.#listeners) if (wanted === type) listener(event);
  }

  async #receive(): Promise<void> {
    try {
      const response = await fetch(this.#url, this.#init);
      if (response.ok && response.body) await this.#read(response.body.getReader());
      else this.#end(CODES[response.status] ?? 1006, `HTTP ${response.status}`);
    } catch {
      // the line is lost
    }
    this.#end(1006, '');
  }

  async #read(reader: ReadableStreamDefaultReader<Uint8Array<ArrayBuffer>>): Promise<void> {
    const decoder = new TextDecoder();
    let text = '';
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      let from = Math.max(0, text.length - 1);
      text += decoder.decode(value, { stream: true });
      let at = 0;
      for (let end; (end = text.indexOf('\n\n', from)) >= 0; from = at = end + 2) this.#take(text.slice(at, end));
      text = text.slice(at);
    }
  }

  /** One event. */
  #take(event: string): void {
    const [, data] = /^data: (.*)/m.exec(event) ?? [];
    // a comment is a sign of life
    if (!data) this.#emit('message', { data: '{"t":"hb"}' });
    else if (data.startsWith('{"t":"link"')) {
      this.#key = JSON.parse(data).key;
      this.readyState = 1;
      this.#emit('open', {});
    } else if (data.startsWith('{"t":"close"')) {
      const { code, reason } = JSON.parse(data);
      this.#end(code, reason);
    } else this.#emit('message', { data });
  }

  /** Frames that have not gone out, and later ones, wait for the next connection. */
  #fail(code: number, reason: string): void {
    if (this.readyState !== 3) this.#endIn(LAST_WORD_MS, code, reason);
  }

  #endIn(delayMs: number, code: number, reason: string): void {
    this.#clock.clearTimeout(this.#timer);
    this.#timer = this.#clock.setTimeout(() => this.#end(code, reason), delayMs);
  }

  /** The server takes a request once, by its number. */
  async #flush(): Promise<void> {
    this.#isSending = true;
    try {
      while (this.#queue.length && this.readyState === 1) {
        let body = JSON.stringify({ key: this.#key, n: ++this.#requests });
        do body += `\n${this.#queue.shift()}`;
        while (this.#queue[0] && body.length + this.#queue[0].length < MAX_BATCH);
        this.#endIn(REQUEST_MS + body.length * REQUEST_MS_PER_UNIT, 1006, 'request timeout');
        const { ok, status } = await fetch(this.#url, { ...this.#init, method: 'POST', body });
        this.#clock.clearTimeout(this.#timer);
        if (!ok) return this.#fail(CODES[status] ?? 1006, `HTTP ${status}`);
      }
    } catch {
      return this.#fail(1006, '');
    }
    this.#isSending = false;
  }
}
