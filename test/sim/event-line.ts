import type { Clock } from '../../src/index.ts';
import type { Latency } from '../../src/testing/index.ts';
import type { Dice } from './dice.ts';
import type { PageLine } from './page-line.ts';

/** A proxy that buffers: it holds bytes until it has so many, or for so long. */
export interface Proxy {
  readonly bytes: number;
  readonly ms: number;
}

/** How a response is carried. */
export interface EventLineOptions {
  /** Time of the network. */
  readonly clock: Clock;
  /** Where a body is cut, and into which pieces. */
  readonly dice: Dice;
  readonly latency: Latency;
  readonly proxy: Proxy | undefined;
  /** Where the pieces of a body begin and end is left to chance. */
  readonly splits: boolean;
  readonly complain: (what: string) => void;
  /** The hub has a connection for it, with this id. */
  readonly accepted: (connectionId: string) => void;
}

/** What the system of a server takes for a client that is silent, before it takes no more. */
const KERNEL_BYTES = 65_536;

/** When the system of a server gives a silent client up. */
const GIVEN_UP_MS = 30_000;

/** A request whose answer stays open, and that answer: bytes arrive in order, after a latency, or not at all. */
export class EventLine implements PageLine {
  /** The answer, as the client's `fetch` has it. */
  readonly response: Promise<Response>;
  /** Aborted at the server when the client has gone. */
  readonly gone = new AbortController();
  readonly #options: EventLineOptions;
  #respond: (response: Response) => void = () => {};
  #fail: (error: Error) => void = () => {};
  #process: { run(callback: () => void): void } = { run: (callback) => callback() };
  #reader: ReadableStreamDefaultReader<Uint8Array> | undefined;
  #body: ReadableStreamDefaultController<Uint8Array> | undefined;
  #proxy: Proxy | undefined;
  /** In the proxy, or before a client that reads nothing. */
  #held: Uint8Array[] = [];
  #heldBytes = 0;
  #isFlushDue = false;
  /** On their way to the client. */
  readonly #onWay: Uint8Array[] = [];
  #arrivesAt = 0;
  /** That the client is still given before the line is cut. */
  #leftBytes = Infinity;
  #lostBytes = 0;
  /** The server has ended the answer, and the client does not know it. */
  #end: (() => void) | undefined;
  #isReading = false;
  /** Bytes that a client takes, which reads nothing otherwise. */
  #allowance = Infinity;
  #promised: number | undefined;
  #isOpen = false;
  #isSilent = false;
  /** A request of its client has vanished, which waits for the answer. */
  #isDeaf = false;
  #isCut = false;
  #isTroubled = false;
  #isFarGone = false;
  #isNearGone = false;

  constructor(options: EventLineOptions) {
    this.#options = options;
    this.#proxy = options.proxy;
    this.response = new Promise((resolve, reject) => {
      this.#respond = resolve;
      this.#fail = reject;
    });
  }

  get isWhole(): boolean {
    return this.#isOpen && !this.#isFarGone && !this.#isNearGone && !this.#isSilent && !this.#isDeaf;
  }

  get isFarGone(): boolean {
    return this.#isFarGone;
  }

  get isSilent(): boolean {
    return this.#isSilent;
  }

  /** The client waits for an answer that never comes. */
  deafen(): void {
    this.#isDeaf = true;
    this.#isTroubled = true;
  }

  /** The client ends it, because another request has failed. */
  trouble(): void {
    this.#isTroubled = true;
  }

  get isLate(): boolean {
    return this.#promised !== undefined && !this.#isTroubled && !this.#isFarGone;
  }

  promise(code: number): void {
    if (!this.#isTroubled && !this.#isStalled && !this.#isFarGone) this.#promised = code;
  }

  /** The client's socket has ended with this code; 1000 is the client's own. */
  ended(code: number): void {
    if (code === 1000) return;
    const isSure = this.#promised !== undefined && !this.#isTroubled && !this.#isStalled;
    if (isSure && code !== this.#promised)
      this.#options.complain(`closed with ${this.#promised}, and a client that reads events got ${code}`);
  }

  // --- the server's end

  /** The request has come to this process. */
  reach(process: { run(callback: () => void): void }): void {
    this.#process = process;
  }

  /** It is a connection of the hub. */
  accepted(connectionId: string): void {
    this.#options.accepted(connectionId);
  }

  /** The process has answered. */
  answer({ status, body }: Response): void {
    if (this.#isNearGone) return;
    if (status !== 200 || body === null) {
      this.refuse(status);
      return;
    }
    this.#reader = body.getReader();
    this.#toFar(() => {
      if (this.#isFarGone) return;
      this.#isOpen = true;
      const far = new ReadableStream<Uint8Array>({ start: (controller) => void (this.#body = controller) });
      this.#respond(new Response(far));
    });
    this.#pull();
  }

  /** Another answer; undefined where no process takes the request. */
  refuse(status: number | undefined): void {
    this.#isNearGone = true;
    this.#toFar(() => {
      if (this.#isFarGone) return;
      if (status === undefined) this.#endFar(new TypeError('fetch failed'));
      else {
        this.#isFarGone = true;
        this.#respond(new Response(null, { status }));
      }
    });
  }

  crashNear(isTold: boolean): void {
    if (this.#isNearGone) return;
    this.#isNearGone = true;
    this.#isTroubled = true;
    this.#drop();
    if (isTold) this.#toFar(() => this.#endFar(new TypeError('terminated')));
    else this.#isSilent = true;
  }

  // --- the client's end

  /** The client wants no more of it. */
  hangUp(): void {
    if (this.#isFarGone) return;
    this.#endFar(new DOMException('aborted', 'AbortError'));
    this.#toNear();
  }

  // --- faults

  /** Reset: of what is on its way, the client gets a part perhaps, and both ends learn it. */
  cut(isWhole = false): void {
    if (this.#isCut) return;
    this.#isCut = true;
    this.#isTroubled = true;
    const next = isWhole ? undefined : this.#onWay[0];
    this.#toFar(() => {
      if (next !== undefined && !this.#isFarGone)
        this.#body?.enqueue(next.subarray(0, this.#options.dice.int(0, next.length)));
      this.#endFar(new TypeError('terminated'));
    });
    this.#toNear();
    this.#isSilent = true;
  }

  cutAfter(bytes: number): void {
    this.#leftBytes = bytes;
    if (bytes <= 0) this.cut();
  }

  silence(): void {
    if (this.#isSilent) return;
    this.#isSilent = true;
    this.#isTroubled = true;
    this.#options.clock.setTimeout(() => this.#endNear(), GIVEN_UP_MS);
  }

  stall(): void {
    this.#allowance = 0;
  }

  take(bytes: number): void {
    if (!this.#isStalled) return;
    this.#allowance = bytes;
    this.#forward();
    if (this.#allowance > 0) this.#pull();
  }

  /** The client reads again, and the proxy buffers no more. */
  resume(): void {
    this.#allowance = Infinity;
    this.#proxy = undefined;
    this.#forward();
    this.#pull();
  }

  get #isStalled(): boolean {
    return this.#allowance < Infinity;
  }

  #pull(): void {
    const isFull = this.#isSilent ? this.#lostBytes >= KERNEL_BYTES : this.#allowance <= 0;
    if (this.#isReading || isFull || this.#isNearGone || this.#reader === undefined) return;
    this.#isReading = true;
    const reader = this.#reader;
    // what the hub does when it may write again, it does in its own process
    this.#process.run(() => {
      reader.read().then(
        ({ done, value }) => {
          this.#isReading = false;
          if (this.#isNearGone) return;
          if (done) {
            this.#over(() => {
              this.#isFarGone = true;
              this.#body?.close();
            });
            return;
          }
          this.#put(value);
          this.#pull();
        },
        () => {
          this.#isReading = false;
          if (!this.#isNearGone) this.#over(() => this.#endFar(new TypeError('terminated')));
        },
      );
    });
  }

  #put(bytes: Uint8Array): void {
    if (this.#isSilent) {
      this.#lostBytes += bytes.length;
      return;
    }
    this.#held.push(bytes);
    this.#heldBytes += bytes.length;
    const proxy = this.#proxy;
    if (proxy === undefined || this.#heldBytes >= proxy.bytes) this.#forward();
    else if (!this.#isFlushDue) {
      this.#isFlushDue = true;
      this.#options.clock.setTimeout(() => {
        this.#isFlushDue = false;
        this.#forward();
      }, proxy.ms);
    }
  }

  /** To the client, as far as it reads. */
  #forward(): void {
    while (this.#allowance > 0) {
      const bytes = this.#held.shift();
      if (bytes === undefined) break;
      this.#heldBytes -= bytes.length;
      this.#allowance -= bytes.length;
      const { dice, splits } = this.#options;
      if (splits && bytes.length > 1 && dice.chance(0.3)) {
        const at = dice.chance(0.3) ? bytes.length - 1 : dice.int(1, bytes.length - 1);
        this.#carry(bytes.subarray(0, at), 0);
        this.#carry(bytes.subarray(at), dice.pick([0, 1, 30]));
      } else this.#carry(bytes, 0);
    }
    const end = this.#end;
    if (end === undefined || this.#held.length > 0) return;
    this.#end = undefined;
    this.#toFar(() => {
      if (!this.#isFarGone) end();
    });
  }

  #carry(bytes: Uint8Array, laterMs: number): void {
    if (this.#isSilent) return;
    const given = bytes.subarray(0, Math.max(0, this.#leftBytes));
    this.#leftBytes -= bytes.length;
    this.#onWay.push(given);
    this.#toFar(() => {
      this.#onWay.shift();
      if (!this.#isFarGone && !this.#isCut) this.#body?.enqueue(given);
      if (given.length < bytes.length) this.cut();
    }, laterMs);
  }

  /** The server has ended the answer: what it has written before still comes. */
  #over(end: () => void): void {
    this.#isNearGone = true;
    this.#end = end;
    this.#forward();
  }

  /** In order, unless it is lost. */
  #toFar(act: () => void, laterMs = 0): void {
    if (this.#isSilent) return;
    const { clock, latency } = this.#options;
    const now = clock.now();
    this.#arrivesAt = Math.max(this.#arrivesAt, now + latency('client') + laterMs);
    clock.setTimeout(act, this.#arrivesAt - now);
  }

  #toNear(): void {
    const { clock, latency } = this.#options;
    if (!this.#isSilent) clock.setTimeout(() => this.#endNear(), latency('hub'));
  }

  #endFar(error: Error): void {
    if (this.#isFarGone) return;
    this.#isFarGone = true;
    if (this.#body === undefined) this.#fail(error);
    else this.#body.error(error);
  }

  /** Servers differ in how they say that a client has gone. */
  #endNear(): void {
    if (this.#isNearGone) return;
    this.#isNearGone = true;
    this.#drop();
    const reader = this.#reader;
    const isBoth = this.#options.dice.chance(0.5);
    this.#process.run(() => {
      if (reader === undefined || isBoth) this.gone.abort();
      reader?.cancel().catch(() => {});
    });
  }

  #drop(): void {
    this.#held = [];
    this.#heldBytes = 0;
  }
}
