import type { Clock } from '../api/clock.ts';
import { FakeWebSocket } from './fake-web-socket.ts';
import { Line } from './line.ts';
import { seededRandom } from './seeded-random.ts';

/** How a network is. */
export interface FakeNetworkOptions {
  /** Also that of the hub and of the clients. */
  clock: Clock;
  /** How long each way takes, in milliseconds. @default 1 */
  latencyMs?: number | undefined;
  /** Of the faults, and of `random`. @default 1 */
  seed?: number | undefined;
}

/** What a client connects with. */
export interface FakeRequest {
  readonly url: string;
  readonly query: URLSearchParams;
  readonly protocols: readonly string[];
  /** For `hub.accept`: what `attach` would read from the URL. */
  readonly client: { readonly clientId: string | undefined; readonly takesBytes: boolean };
}

/** The faults of `trouble`. */
export type NetworkFault = 'cut' | 'cutAfter' | 'silence' | 'stall' | 'take' | 'resume';

const FAULTS: readonly NetworkFault[] = ['cut', 'cutAfter', 'silence', 'stall', 'take', 'resume'];

/** Bytes of `cutAfter` and `take`: within a small message, or within a burst. */
const MOST_BYTES = [100, 10_000];

/**
 * Lines in memory between clients and a hub, which break as a test says, or as a seed does. With a `VirtualClock`, the same test has the same
 * course each time.
 *
 * @example
 * ```ts
 * const network = new FakeNetwork({ clock });
 * network.listen((line, { client }) => hub.accept(line.attach, { ...client, userId: 'ada', authorize: () => true }));
 * const client = connect('ws://hub.test/', { clock, WebSocket: network.WebSocket, random: network.random });
 * ```
 */
export class FakeNetwork {
  /** Numbers of the network's seed. */
  readonly random: () => number;
  /** For `connect`. */
  readonly WebSocket: new (url: string, protocols?: string | string[]) => FakeWebSocket;
  readonly #clock: Clock;
  readonly #latencyMs: number;
  #lines: Line[] = [];
  #onLine: ((line: Line, request: FakeRequest) => void) | undefined;

  constructor({ clock, latencyMs = 1, seed = 1 }: FakeNetworkOptions) {
    this.#clock = clock;
    this.#latencyMs = latencyMs;
    this.random = seededRandom(seed);
    const connect = (socket: FakeWebSocket, url: string, protocols: readonly string[]): Line | undefined =>
      this.#connect(socket, url, protocols);
    this.WebSocket = FakeWebSocket.bind(undefined, { clock, latencyMs, connect });
  }

  /** Lines that are not over, oldest first. */
  get lines(): readonly Line[] {
    this.#lines = this.#lines.filter(({ isOver }) => !isOver);
    return this.#lines;
  }

  /** A process answers from now on. It has each new line; without one, connections are refused. */
  listen(onLine: ((line: Line, request: FakeRequest) => void) | undefined): void {
    this.#onLine = onLine;
  }

  /**
   * One fault, of a line that the seed picks.
   * @returns what has happened, for the message of a failing test
   */
  trouble(faults: readonly NetworkFault[] = FAULTS): string {
    const line = this.#pick(this.lines);
    const fault = this.#pick(faults);
    if (line === undefined || fault === undefined) return 'nothing';
    const name = `line ${this.#lines.indexOf(line) + 1}`;
    if (fault !== 'cutAfter' && fault !== 'take') {
      line[fault]();
      return `${fault} ${name}`;
    }
    const bytes = Math.floor(this.random() * (this.#pick(MOST_BYTES) ?? 0));
    line[fault](bytes);
    return `${fault} ${bytes} bytes of ${name}`;
  }

  /** Stalled clients read again. A silent line stays silent: its ends find out by their heartbeats, and the client connects anew. */
  heal(): void {
    for (const line of this.lines) line.resume();
  }

  #connect(socket: FakeWebSocket, url: string, protocols: readonly string[]): Line | undefined {
    if (this.#onLine === undefined) return undefined;
    const line = new Line(socket, { clock: this.#clock, latencyMs: this.#latencyMs });
    const query = new URL(url).searchParams;
    const client = { clientId: query.get('cid') ?? undefined, takesBytes: query.get('bytes') === '1' };
    this.#lines.push(line);
    this.#onLine(line, { url, query, protocols, client });
    return line;
  }

  #pick<T>(all: readonly T[]): T | undefined {
    return all[Math.floor(this.random() * all.length)];
  }
}
