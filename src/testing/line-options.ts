import type { Clock } from '../api/clock.ts';
import type { WindowBits } from '../api/socket.ts';
import type { Latency } from './way.ts';

/** The client's end of a line. */
export interface FarEnd {
  /** A whole text message. */
  onText(text: string): void;
  /** A whole binary message. */
  onBytes(bytes: Uint8Array): void;
  /** The last call; 1006 where no close frame has come. */
  onClose(code: number, reason: string): void;
}

/** How a line is laid. */
export interface LineOptions {
  /** Time of the network. */
  readonly clock: Clock;
  /** How long each way takes, in milliseconds; a function is asked for each packet. Packets keep their order. @default 1 */
  readonly latencyMs?: number | Latency | undefined;
  /** Of the compression that the client has negotiated. @default none */
  readonly deflateWindow?: WindowBits | undefined;
  /** The process at the hub's end, which may be stopped. @default one that runs */
  readonly process?: { run(callback: () => void): void } | undefined;
}
