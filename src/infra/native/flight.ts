import type { Piece } from '../../api/socket.ts';

/** Learns once that a flight has landed, after the rests of what did not go have been written. Must not throw. */
export interface LandingWaiter {
  onLanded(): void;
}

/** A socket in a flight. None of its calls may throw. */
export interface Passenger extends LandingWaiter {
  /** The slot of its duplicated descriptor; `INLINE` where it has none, `GONE` where its socket has ended. */
  readonly slot: number;
  /** The kernel took so many of the bytes, or reported an error: the rest is the passenger's to write. */
  landedShort(bytes: Uint8Array, taken: number): void;
  /** The bytes do not fly: the passenger writes them. */
  writeNow(bytes: Uint8Array): void;
  /** Its duplicate is needed for something else; false where it is in the air. */
  giveBack(): boolean;
}

export const INLINE = -1;
export const GONE = -2;

/** Sockets of one flight at most, so that a small thread's flight comes between those of a big one. As in the addon. */
export const MAX_PASSENGERS = 256;

/** One shared frame on its way to many sockets: it takes passengers, is handed over, and lands. */
export class Flight {
  /** The bytes that all get; held until it has landed. */
  bytes: Uint8Array;
  readonly lane: number;
  /** The first buffer of its piece, by which others find it. */
  readonly key: Uint8Array;
  readonly passengers: Passenger[] = [];
  slots: Int32Array = NONE;
  results: Int32Array = NONE;
  #isLanded = false;
  #waiters: LandingWaiter[] | undefined;

  constructor(piece: Piece, lane: number) {
    const [first = EMPTY] = piece;
    // one buffer for all: the sender sends one
    this.bytes = piece.length === 1 ? first : Buffer.concat(piece);
    this.lane = lane;
    this.key = first;
  }

  get isLanded(): boolean {
    return this.#isLanded;
  }

  /** It takes no more passengers. */
  get isClosed(): boolean {
    return this.#isLanded || this.slots.length > 0;
  }

  /** Only while it has not landed. */
  await(waiter: LandingWaiter): void {
    (this.#waiters ??= []).push(waiter);
  }

  /** From now on its passengers are free to write. */
  touchDown(): void {
    this.#isLanded = true;
  }

  /** It holds nothing any more, and those who wait go on. */
  end(): void {
    this.#isLanded = true;
    this.bytes = EMPTY;
    this.slots = NONE;
    this.results = NONE;
    this.passengers.length = 0;
    const waiters = this.#waiters;
    this.#waiters = undefined;
    if (waiters !== undefined) for (const waiter of waiters) waiter.onLanded();
  }
}

const EMPTY = new Uint8Array(0);
const NONE = new Int32Array(0);

/** Stands for the last flight of a socket that has not flown. */
export const LANDED = new Flight([EMPTY], 0);
LANDED.end();
