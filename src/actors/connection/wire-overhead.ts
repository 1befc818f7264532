/** Of a masked frame, the longest (RFC 6455 section 5.2). */
const HEADER_BYTES = 14;

/** Of the handshake, and of what a socket has read when it reports the first of the messages in it. */
const READ_AHEAD_BYTES = 128 * 1024;

/** Finds the bytes that were read and came to nothing: a message may come in thousands of empty fragments. */
export class WireOverhead {
  #knownBytes = 0;

  /**
   * Bytes since the last message that neither were part of one nor may belong to the next ones. Inflated, a message may have more than
   * were read.
   * @param readBytes what has come from the peer in all
   */
  after(messageBytes: number, readBytes: number): number {
    this.#knownBytes = Math.min(readBytes, this.#knownBytes + messageBytes + HEADER_BYTES);
    const overhead = Math.max(0, readBytes - this.#knownBytes - READ_AHEAD_BYTES);
    this.#knownBytes += overhead;
    return overhead;
  }
}
