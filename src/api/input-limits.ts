/**
 * What clients may send. Each limit has an answer: see "Limits" in docs/PROTOCOL.md. What clients send is counted in points, by what it
 * makes the server do: a request is one, and so is each KiB of a frame (inflated; a 64th of `maxInputBytes`, where that is more) and each 128 elements or 32 fields
 * in it; a join is 0.4, a ping 1, a handshake 10. 48 messages, or 64 KiB of them, that a connection has been given before and asks for again
 * are one. An ack of something new is free.
 */
export interface InputLimits {
  /**
   * Largest frame that a client may send, in bytes; `hello` tells it. A larger one is answered with `err TC_MESSAGE_TOO_LARGE` and not
   * parsed; one above 1 MiB (or above this limit, where it is higher) closes the connection with 1009. @default 65536
   */
  maxInputBytes?: number | undefined;
  /**
   * Points that one connection may send in a second, and five times as many at once; beyond that it is closed with 4429. `Infinity` for
   * no limit. @default 1000
   */
  maxInputPerSecond?: number | undefined;
  /** The same for all connections of one `userId`. @default 2 * maxInputPerSecond */
  maxInputPerSecondPerUser?: number | undefined;
  /** The same for all connections from one address; see `AttachOptions.clientAddress`. @default 10 * maxInputPerSecond, 10000 at least */
  maxInputPerSecondPerAddress?: number | undefined;
  /**
   * Points of all connections together in a second. While they send more, everything costs eight times as much, so that those who send most
   * are closed first. @default 50 * maxInputPerSecond, 50000 at least
   */
  maxInputPerSecondTotal?: number | undefined;
  /**
   * Threads that a connection may be in when its client asks for one more, which is answered with `err TC_TOO_MANY_THREADS`. The
   * application may join more. @default 10000
   */
  maxThreadsPerConnection?: number | undefined;
  /**
   * Bytes of messages that clients have begun to send and not ended, of all connections together. Where there are more, those that hold as
   * much as the average or more are closed with 4429. Found with the next sweep. One connection that holds more than its largest frame is closed
   * with 1009. @default 134217728 (128 MiB), or 16 frames of `maxInputBytes`, where that is more
   */
  maxUnfinishedBytes?: number | undefined;
}
