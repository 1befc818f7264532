import type { JsonWeight } from '../../infra/wire/json-weight.ts';

// What clients send is counted in points, by what it makes the server do: one point is one small request, or 20 to 50 us of its time.

const KIB = 1_024;

/** A weight that takes as long as one point's worth. */
const WEIGHT_PER_POINT = 128;

/** Levels of arrays and objects: V8 takes 30 ms for the 32,000 that 64 KiB may hold, and what walks a value recursively overflows. */
const MOST_LEVELS = 128;

/** However small the frames are that a hub takes: 3 ms to parse. */
const LEAST_WEIGHT_LIMIT = 32_768;

export const costs = {
  /**
   * Taking a frame from the socket, which is all that is known when it comes. A hub that takes bigger frames takes more bytes: the biggest
   * costs as much as a frame of 64 KiB elsewhere.
   */
  arrival: (bytes: number, maxInputBytes: number): number =>
    0.25 + Math.floor(bytes / Math.max(KIB, maxInputBytes / 64)),
  /** Bytes of frame headers: each of the smallest fragments, of six bytes, takes 0.3 us. */
  overhead: (bytes: number): number => bytes / KIB,
  parsing: ({ weight }: JsonWeight): number => Math.floor(weight / WEIGHT_PER_POINT),
  /** Less than others: a client that comes back asks for each of its threads. */
  join: 0.15,
  request: 0.75,
  /** A ping of the client, or a pong that answers none of the server's pings. */
  control: 1,
  /** A handshake: `authenticate`, a connection and its end. */
  handshake: 10,
};

/** What one client may have waiting for its turn or for the application. */
export const MOST_WAITING = {
  /** Frames that have not been read. */
  frames: 16_384,
  /** Requests, joins apart: those are bounded by the threads that it may be in. */
  requests: 4_096,
  /** Bytes of all of them, in frames of the largest size: a hundred small ones are nothing, a hundred of a megabyte are an attack. */
  fullFrames: 16,
};

/** Whether to parse it would hold the event loop too long. A hub that takes bigger frames takes ones that have more in them. */
export function isTooComplex({ weight, depth }: JsonWeight, maxInputBytes: number): boolean {
  return depth > MOST_LEVELS || weight > Math.max(LEAST_WEIGHT_LIMIT, maxInputBytes / 2);
}
