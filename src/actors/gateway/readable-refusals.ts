import type { Clock } from '../../api/clock.ts';
import type { RefusedReason } from '../../api/events.ts';
import type { Refusal } from '../../api/refusal.ts';
import type { ServerWebSocket } from '../../api/socket.ts';
import { closeCodes, closingReason, type CloseCode } from '../../infra/wire/close-codes.ts';
import type { Handshake, makeUpgrader } from '../../infra/socket/handshake.ts';
import { turnAway } from '../../infra/socket/ws-link.ts';
import { offersProtocol } from './handshake-checks.ts';

type Upgrader = ReturnType<typeof makeUpgrader>;

/** Sockets of refused clients that are open at the same time; beyond that, a client gets the HTTP status. */
const MAX_OPEN = 1_000;

/** How long a refused client may take to answer the close frame. */
const CLOSE_TIMEOUT_MS = 2_000;

const CODES: Readonly<Record<number, CloseCode>> = {
  400: closeCodes.badMessage,
  401: closeCodes.unauthenticated,
  403: closeCodes.forbidden,
  429: closeCodes.rateLimited,
  500: closeCodes.overloaded,
  503: closeCodes.overloaded,
};

/** The sockets of clients that were refused with a 101 and a close frame: a browser's page can read the code, not an HTTP status. */
export class ReadableRefusals {
  readonly #clock: Clock;
  readonly #upgrader: Upgrader;
  #open = 0;

  constructor(clock: Clock, upgrader: Upgrader) {
    this.#clock = clock;
    this.#upgrader = upgrader;
  }

  /** A client that does not offer our subprotocol gets the HTTP status. False if the handshake is over, or others have answered. */
  refuse(handshake: Handshake, reason: RefusedReason, refusal: Refusal): boolean {
    // another server takes the client, or the next process: as when a connection ends with a restart
    const code = reason === 'stopping' ? closeCodes.drain : CODES[refusal.status];
    const isReadable = this.#open < MAX_OPEN && handshake.canUpgrade && offersProtocol(handshake.request);
    if (code === undefined || !isReadable) return handshake.refuse(refusal);
    return handshake.turnAway(this.#upgrader, (webSocket) => this.#close(webSocket, code, refusal));
  }

  /** Closes the socket, and cuts it if the client does not answer the close frame in time. */
  #close(webSocket: ServerWebSocket, { code, reason }: CloseCode, { message }: Refusal): void {
    this.#open++;
    const timer = this.#clock.setTimeout(() => webSocket.terminate(), CLOSE_TIMEOUT_MS);
    webSocket.once('close', () => {
      this.#open--;
      this.#clock.clearTimeout(timer);
    });
    turnAway(webSocket, code, closingReason(message) || reason);
  }
}
