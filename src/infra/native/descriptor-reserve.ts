import type { AddonSender } from './addon.ts';
import type { Passenger } from './flight.ts';

/** Part of the descriptors that duplicates leave to others, first of all to `accept`, and how many at least and at most. */
const RESERVED_PART = 1 / 16;
const LEAST_RESERVED = 64;
const MOST_RESERVED = 1_024;

/** Duplicates that are given back for a connection that came when descriptors ran short: room for the next ones, too. */
const GIVEN_BACK = 16;

/** The addon's answers where descriptors have run out: of the process, or of its own slots. */
const SHORT = new Set([-24, -23]);

/**
 * The duplicates of descriptors. A connection with one takes two descriptors, so a process that is full of them could accept half as many
 * connections: accepting comes first. Where descriptors run short, connections get no duplicate, and others give theirs back.
 */
export class DescriptorReserve {
  readonly #addon: AddonSender;
  readonly #reserve: number;
  /** The kernel gives the lowest free number: from this one on, hardly any is free. */
  readonly #shortFrom: number;
  /** By slot. */
  readonly #passengers: (Passenger | undefined)[] = [];
  #held = 0;
  #isShort = false;
  #nextBack = 0;

  /** @param limit descriptors that the process may have; 0 for no limit */
  constructor(addon: AddonSender, limit: number) {
    this.#addon = addon;
    this.#reserve = Math.min(MOST_RESERVED, Math.max(LEAST_RESERVED, Math.floor(limit * RESERVED_PART)));
    this.#shortFrom = limit === 0 ? Infinity : limit - this.#reserve / 2;
  }

  /** Duplicates there are. */
  get held(): number {
    return this.#held;
  }

  /** The slot of a duplicate of this descriptor; negative where there is none to be had. */
  adopt(fd: number, passenger: Passenger): number {
    if (this.#isShort) return -1;
    const slot = this.#addon.adopt(fd, this.#reserve);
    if (slot >= 0) {
      this.#passengers[slot] = passenger;
      this.#held++;
    } else {
      this.#isShort = SHORT.has(slot);
    }
    return slot;
  }

  /** Only while it is in no flight. */
  release(slot: number): void {
    this.#close(slot);
    this.#isShort = false;
  }

  /** A connection has come with this descriptor. */
  onAccepted(fd: number): void {
    if (fd < this.#shortFrom) return;
    this.#isShort = true;
    let left = GIVEN_BACK;
    for (let looked = this.#passengers.length; looked > 0 && left > 0; looked--) {
      this.#nextBack = (this.#nextBack + 1) % this.#passengers.length;
      if (this.#passengers[this.#nextBack]?.giveBack() !== true) continue;
      this.#close(this.#nextBack);
      left--;
    }
  }

  #close(slot: number): void {
    if (this.#passengers[slot] === undefined) return;
    this.#passengers[slot] = undefined;
    this.#held--;
    this.#addon.release(slot);
  }
}
