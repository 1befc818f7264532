/** The longest header of a masked frame (RFC 6455 section 5.2). */
const HEADER_BYTES = 14;

/** Bytes of the handshake, and bytes that a socket has read when it reports the first of several messages. */
const READ_AHEAD_BYTES = 128 * 1024;

/** Finds bytes that were read and led to nothing: a message may come in thousands of empty fragments. */
export class WireOverhead {
  #knownBytes = 0;

  /**
   * Bytes since the last message that neither were part of one nor may belong to the next ones. An inflated message may have more bytes
   * than were read.
   * @param readBytes all bytes that came from the client
   */
  after(messageBytes: number, readBytes: number): number {
    this.#knownBytes = Math.min(readBytes, this.#knownBytes + messageBytes + HEADER_BYTES);
    const overhead = Math.max(0, readBytes - this.#knownBytes - READ_AHEAD_BYTES);
    this.#knownBytes += overhead;
    return overhead;
  }
}
