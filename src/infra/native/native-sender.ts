import type { Piece } from '../../api/socket.ts';
import type { Addon, AddonSender } from './addon.ts';
import { DescriptorReserve } from './descriptor-reserve.ts';
import { Flight, GONE, MAX_PASSENGERS, type LandingWaiter, type Passenger } from './flight.ts';

/** Flights in the air for each thread of the sender above which a long fan-out waits for a landing: some 16 ms of system calls. */
const CONGESTED = 8;

/** Arrays that are kept for the next flights. */
const SPARE_ARRAYS = 64;

/** What has been counted since the sender was made. */
export interface SenderCounts {
  /** Flights handed to the threads. */
  flights: number;
  /** Writes made by the threads. */
  flown: number;
  /** Writes that the kernel did not take as a whole: the rest went through Node's socket. */
  short: number;
  /** Writes that were given back to the event loop: too few of them for a flight, or no descriptor. */
  inline: number;
}

/** The flights of one realm, from the first passenger to the landing. */
export class NativeSender {
  readonly counts: SenderCounts = { flights: 0, flown: 0, short: 0, inline: 0 };
  readonly reserve: DescriptorReserve;
  readonly #addon: AddonSender;
  /** With fewer passengers the event loop writes itself: waking a thread costs more. */
  readonly #least: number;
  #lanes = 0;
  #wantedLanes = 1;
  #nextLane = 0;
  /** Flights that take passengers, by the first buffer of their piece. */
  readonly #open = new Map<Uint8Array, Flight>();
  #last: Flight | undefined;
  #lastKey: Uint8Array | undefined;
  /** Handed over and not landed, oldest first, by lane. */
  readonly #inAir: Flight[][] = [[], []];
  readonly #landed = [0, 0];
  readonly #spare: Int32Array[] = [];
  #isFlushing = false;
  #busySince = 0;
  /** Its threads end with the next landing that leaves nothing in the air. */
  #isUnwanted = false;
  #hearsExit = false;
  readonly #drain = (): void => this.drain();

  constructor(addon: Addon, least: number) {
    this.#least = least;
    this.#addon = addon.create((...landed) => this.#onLanded(landed));
    this.reserve = new DescriptorReserve(this.#addon, addon.descriptorLimit());
  }

  /** One more hub wants it, with so many threads. Later ones may want more than the first. */
  want(lanes: number): void {
    this.#isUnwanted = false;
    if (!this.#hearsExit) {
      this.#hearsExit = true;
      // no hook of the addon runs after this event; what was handed over leaves, as what was written to a socket has left
      process.on('exit', this.#drain);
    }
    this.#wantedLanes = Math.max(this.#wantedLanes, lanes);
  }

  /** Flights that have been handed over and not landed. */
  get inAir(): number {
    return (this.#inAir[0]?.length ?? 0) + (this.#inAir[1]?.length ?? 0);
  }

  /** So many flights wait that a long fan-out lets others have their turn. */
  get isCongested(): boolean {
    return this.inAir >= CONGESTED * this.#lanes && this.#lanes > 0;
  }

  /** For how long there have been flights in the air without a break, in milliseconds. */
  get lagMs(): number {
    return this.inAir === 0 ? 0 : performance.now() - this.#busySince;
  }

  /** Those after whose landing everything that is in the air now has landed. */
  get newest(): readonly Flight[] {
    return this.#inAir.flatMap((flights) => flights.at(-1) ?? []);
  }

  /** The next landing; only where something is in the air. */
  awaitNext(waiter: LandingWaiter): void {
    (this.#inAir[0]?.[0] ?? this.#inAir[1]?.[0])?.await(waiter);
  }

  /** Takes a passenger for bytes that others may get as well. The flight is handed over in this turn of the event loop. */
  board(passenger: Passenger, piece: Piece): Flight {
    const [key = NO_KEY] = piece;
    const flight = this.#lastKey === key && this.#last !== undefined ? this.#last : this.#openFor(key, piece);
    flight.passengers.push(passenger);
    if (flight.passengers.length === MAX_PASSENGERS) this.#handOver(flight);
    return flight;
  }

  /** Hands over all that has boarded. */
  depart(): void {
    if (this.#open.size === 0) return;
    for (const flight of this.#open.values()) this.#handOver(flight);
  }

  /** One of its passengers has more to write: a flight for which there is no company yet does not keep it waiting. */
  settle(flight: Flight): void {
    if (flight.passengers.length < this.#least) this.departWith(flight);
  }

  /** Hands over this flight, if that has not been done. */
  departWith(flight: Flight): void {
    if (!flight.isClosed) this.#handOver(flight);
  }

  shut(slot: number): void {
    this.#addon.shut(slot);
  }

  /** The process ends: holds it until everything has been sent. */
  drain(): void {
    this.depart();
    this.#addon.drain();
  }

  /** Ends the threads once nothing is in the air; the next flight starts them again. */
  stop(): void {
    this.depart();
    this.#isUnwanted = this.inAir > 0;
    if (this.#isUnwanted) return;
    process.off('exit', this.#drain);
    this.#hearsExit = false;
    this.#wantedLanes = 1;
    if (this.#lanes === 0) return;
    this.#addon.stop();
    this.#lanes = 0;
  }

  #openFor(key: Uint8Array, piece: Piece): Flight {
    let flight = this.#open.get(key);
    if (flight === undefined) {
      flight = new Flight(piece, this.#nextLane);
      this.#nextLane = (this.#nextLane + 1) % this.#wantedLanes;
      this.#open.set(key, flight);
      if (!this.#isFlushing) {
        this.#isFlushing = true;
        queueMicrotask(this.#flush);
      }
    }
    this.#last = flight;
    this.#lastKey = key;
    return flight;
  }

  readonly #flush = (): void => {
    this.#isFlushing = false;
    this.depart();
  };

  #handOver(flight: Flight): void {
    this.#open.delete(flight.key);
    this.#last = undefined;
    this.#lastKey = undefined;
    const { passengers } = flight;
    if (passengers.length < this.#least || !this.#start(flight.lane) || !this.#fly(flight)) this.#writeAll(flight);
  }

  #start(lane: number): boolean {
    if (lane < this.#lanes) return true;
    if (this.#addon.start(this.#wantedLanes) === 0) this.#lanes = this.#wantedLanes;
    return lane < this.#lanes;
  }

  /** False where the bytes are still to be written to those that remain. */
  #fly(flight: Flight): boolean {
    const { bytes, lane, passengers } = flight;
    const slots = this.#takeArray();
    let count = 0;
    for (const passenger of passengers) {
      const { slot } = passenger;
      if (slot >= 0) {
        slots[count] = slot;
        passengers[count++] = passenger;
      } else if (slot !== GONE) {
        this.counts.inline++;
        passenger.writeNow(bytes);
      }
    }
    passengers.length = count;
    if (count === 0) return this.#giveArray(slots);
    const results = this.#takeArray();
    if (!this.#addon.send(lane, slots, count, bytes, results)) {
      this.#giveArray(results);
      return this.#giveArray(slots);
    }
    flight.slots = slots;
    flight.results = results;
    if (this.inAir === 0) this.#busySince = performance.now();
    this.#inAir[lane]?.push(flight);
    this.counts.flights++;
    this.counts.flown += count;
    return true;
  }

  #writeAll(flight: Flight): void {
    const { bytes, passengers } = flight;
    this.counts.inline += passengers.length;
    flight.touchDown();
    for (const passenger of passengers) passenger.writeNow(bytes);
    flight.end();
  }

  /** The addon's call: must not throw. */
  #onLanded(landed: readonly number[]): void {
    for (const [lane, flights] of this.#inAir.entries()) {
      const total = landed[lane] ?? 0;
      // counts of 32 bits, which begin anew
      const count = (total - (this.#landed[lane] ?? 0)) >>> 0;
      this.#landed[lane] = total;
      for (const flight of flights.splice(0, count)) this.#land(flight);
    }
    if (this.#isUnwanted) this.stop();
  }

  #land(flight: Flight): void {
    const { slots, results, passengers, bytes } = flight;
    const count = passengers.length;
    // first the rests: those that wait write after them
    flight.touchDown();
    if ((results[count] ?? 0) > 0) {
      for (const [i, passenger] of passengers.entries()) {
        const taken = results[i] ?? 0;
        if (taken === bytes.length) continue;
        this.counts.short++;
        passenger.landedShort(bytes, Math.max(0, taken));
      }
    }
    flight.end();
    this.#giveArray(slots);
    this.#giveArray(results);
  }

  #takeArray(): Int32Array {
    return this.#spare.pop() ?? new Int32Array(MAX_PASSENGERS + 1);
  }

  #giveArray(array: Int32Array): false {
    if (this.#spare.length < SPARE_ARRAYS) this.#spare.push(array);
    return false;
  }
}

const NO_KEY = new Uint8Array(0);
