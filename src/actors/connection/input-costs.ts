import type { JsonWeight } from '../../infra/wire/json-weight.ts';

// Client input is charged in points, by the work it causes. One point is one small request, or 20 to 50 us of server time.

const KIB = 1_024;

/** The JSON weight that takes as long as one point. */
const WEIGHT_PER_POINT = 128;

/**
 * Maximum nesting of arrays and objects. V8 takes 30 ms for the 32,000 levels that 64 KiB may hold, and recursive code overflows the stack.
 */
const MOST_LEVELS = 128;

/** The minimum weight limit, even if the hub accepts only small frames: 3 ms to parse. */
const LEAST_WEIGHT_LIMIT = 32_768;

export const costs = {
  /**
   * Taking a frame from the socket; only its size is known then. A hub that accepts bigger frames accepts more bytes: its biggest frame
   * costs as much as a frame of 64 KiB elsewhere.
   */
  arrival: (bytes: number, maxInputBytes: number): number =>
    0.25 + Math.floor(bytes / Math.max(KIB, maxInputBytes / 64)),
  /** Bytes of frame headers: the smallest fragments have six bytes and take 0.3 us each. */
  overhead: (bytes: number): number => bytes / KIB,
  parsing: ({ weight }: JsonWeight): number => Math.floor(weight / WEIGHT_PER_POINT),
  /** Cheaper than other requests: a reconnecting client joins each of its threads. */
  join: 0.15,
  /** Messages, or text of streams, that the connection has been given before. What a client has not had is free. */
  reread: (entries: number, bytes: number): number => entries / 48 + bytes / (64 * KIB),
  request: 0.75,
  /** A ping of the client, or a pong that answers no ping of the server. */
  control: 1,
  /** A handshake: `authenticate`, a connection and its end. */
  handshake: 10,
};

/** What one client may have waiting for its turn or for the application. */
export const MOST_WAITING = {
  /** Frames that have not been read. */
  frames: 16_384,
  /** Requests without joins; joins are limited by the number of threads that a client may be in. */
  requests: 4_096,
  /** Bytes of all of them, in frames of the largest size: a hundred small frames are nothing, a hundred of a megabyte are an attack. */
  fullFrames: 16,
};

/** Whether parsing it would block the event loop too long. A hub that accepts bigger frames accepts more complex ones. */
export function isTooComplex({ weight, depth }: JsonWeight, maxInputBytes: number): boolean {
  return depth > MOST_LEVELS || weight > Math.max(LEAST_WEIGHT_LIMIT, maxInputBytes / 2);
}
