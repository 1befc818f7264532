import type { ConnectionState } from '../../api/connection.ts';
import { closeCodes, type CloseCode } from '../../infra/wire/close-codes.ts';

/** Bytes of later messages that a socket may already have read when it reports one. */
const READ_AHEAD_BYTES = 128 * 1024;

/** The line of a connection, whose client may hold memory. */
interface Holder {
  readonly state: ConnectionState;
  /** Bytes held of a message that the client has begun and not finished. */
  readonly unfinishedBytes: number;
  /** The largest frame that it may send, if that is not what the hub allows. */
  readonly maxFrameBytes?: number | undefined;
  /** Undefined until the client has sent something. */
  readonly input: { readonly waitingBytes: number } | undefined;
  evict(code: CloseCode): void;
  deafen(): void;
}

/**
 * Counts the unfinished messages of clients, and what waits to be read or for the application. One connection holds at most one frame of
 * the largest size, but ten thousand connections hold ten thousand. None of them is charged, because a message is charged when it is complete.
 */
export class UnfinishedInput {
  readonly #limit: number;
  readonly #maxFrameBytes: number;
  readonly #held = new Map<Holder, number>();
  #bytes = 0;

  /**
   * @param limit bytes of all connections together
   * @param maxFrameBytes the largest frame that a client may send
   */
  constructor(limit: number, maxFrameBytes: number) {
    this.#limit = limit;
    this.#maxFrameBytes = maxFrameBytes;
  }

  /** Bytes of all connections, as last reported. */
  get bytes(): number {
    return this.#bytes;
  }

  /**
   * One sweep of a connection: evicts it if it holds too much, and reads no more of what it sends. A cut at once would overtake the close frame. The
   * bytes are freed with the socket.
   */
  examine(holder: Holder): void {
    if (holder.state === 'evicted') return;
    const { unfinishedBytes, input, maxFrameBytes = this.#maxFrameBytes } = holder;
    const isTooBig = unfinishedBytes > Math.max(maxFrameBytes, this.#maxFrameBytes) + READ_AHEAD_BYTES;
    if (this.#mayHold(holder, unfinishedBytes + (input?.waitingBytes ?? 0)) && !isTooBig) return;
    holder.evict(isTooBig ? closeCodes.tooBig : closeCodes.rateLimited);
    holder.deafen();
  }

  /** The connection has ended. */
  forget(holder: Holder): void {
    this.#bytes -= this.#held.get(holder) ?? 0;
    this.#held.delete(holder);
  }

  /** False if all connections together hold too much and this one holds the average or more. So connections with small messages stay. */
  #mayHold(holder: Holder, bytes: number): boolean {
    this.forget(holder);
    if (bytes === 0) return true;
    this.#held.set(holder, bytes);
    this.#bytes += bytes;
    return this.#bytes <= this.#limit || bytes < this.#bytes / this.#held.size;
  }
}
