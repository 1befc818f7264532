import type { Transport } from '../../src/client/socket.ts';
import { sse } from '../../src/client/sse.ts';
import type { Dice } from './dice.ts';
import type { EventLine } from './event-line.ts';
import { EventNetwork, type EventNetworkOptions } from './event-network.ts';
import type { SseUse } from './schedule.ts';

/** Where a client of Server-Sent Events goes on with WebSockets. */
const STAY_MS = 3_000;

/** A page that uses Server-Sent Events: its network, and the transports of its client. */
export class SsePage {
  readonly transports: readonly Transport[];
  readonly network: EventNetwork;
  readonly #use: SseUse;
  readonly #dice: Dice;
  /** Of its last request for events, until its socket has it. */
  #dialled: EventLine | undefined;

  constructor(use: SseUse, options: EventNetworkOptions) {
    this.#use = use;
    this.#dice = options.dice;
    this.network = new EventNetwork({
      ...options,
      onLine: (line) => {
        this.#dialled = line;
        options.onLine(line);
      },
    });
    const transport =
      use === 'always' ? sse({ failures: 0 }) : sse({ failures: use === 'blocked' ? 2 : 1, stayMs: STAY_MS });
    this.transports = [transport, (open) => (url) => this.#watched(open(url))];
  }

  /** Its network lets no WebSocket through, or not each. */
  get isBlocked(): boolean {
    return this.#use === 'blocked' || (this.#use === 'at times' && this.#dice.chance(0.6));
  }

  /** The line learns how its socket has ended. */
  #watched(socket: ReturnType<ReturnType<Transport>>): ReturnType<ReturnType<Transport>> {
    const line = this.#dialled;
    this.#dialled = undefined;
    socket.addEventListener('close', (event) => {
      const { code }: { code?: number } = Object(event);
      line?.ended(code ?? 1005);
    });
    return socket;
  }
}
