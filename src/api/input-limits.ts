/**
 * What clients may send. "Limits" in docs/PROTOCOL.md shows how the hub answers beyond each limit. Client input is counted in points, by
 * the work that it causes. A request is one point. So is each KiB of a frame (inflated; a 64th of `maxInputBytes`, if that is more), and
 * each 128 elements or 32 fields in it. A join is 0.4, a ping 1, a handshake 10. Messages that a client requests again cost one point for
 * each 48 of them, or for each 64 KiB. An ack of something new is free.
 */
export interface InputLimits {
  /**
   * Largest frame that a client may send, in bytes; `hello` states it. The hub answers a larger one with `err TC_MESSAGE_TOO_LARGE` and
   * does not parse it. A frame above 1 MiB (or above this limit, if it is higher) closes the connection with 1009. @default 65536
   */
  maxInputBytes?: number | undefined;
  /**
   * Points that one connection may send in a second, and five times as many at once. Beyond that the hub closes it with 4429. `Infinity`
   * for no limit.
   * @default 1000
   */
  maxInputPerSecond?: number | undefined;
  /** The same for all connections of one `userId`. @default 2 * maxInputPerSecond */
  maxInputPerSecondPerUser?: number | undefined;
  /** The same for all connections from one address; see `AttachOptions.clientAddress`. @default 10 * maxInputPerSecond, 10000 at least */
  maxInputPerSecondPerAddress?: number | undefined;
  /**
   * Points of all connections together in a second. While they send more, everything costs eight times as much, so that the heaviest
   * senders are closed first. @default 50 * maxInputPerSecond, 50000 at least
   */
  maxInputPerSecondTotal?: number | undefined;
  /**
   * Threads that a connection may be in when its client joins one more; the hub answers with `err TC_TOO_MANY_THREADS`. The application may
   * join more. @default 10000
   */
  maxThreadsPerConnection?: number | undefined;
  /**
   * Threads that the hub may have open when a client's join would open one more. Beyond it, the join is answered with `err unavailable`, and
   * the hub has an `error` event. From half of it on, threads without members close at once. What the application sends or joins opens
   * threads in any case. An open thread takes about 7 KB. @default 250000
   */
  maxThreads?: number | undefined;
  /**
   * Bytes of unfinished messages of clients, and of those that wait to be read or for the application, over all connections. Beyond it, the next sweep closes the connections that hold the average
   * or more with
   * 4429. A connection that holds more than its largest frame is closed with 1009.
   * @default 134217728 (128 MiB), or 16 frames of `maxInputBytes`, if that is more
   */
  maxUnfinishedBytes?: number | undefined;
}
