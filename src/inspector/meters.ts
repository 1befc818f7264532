import { monitorEventLoopDelay } from 'node:perf_hooks';
import type { ConnectionStats } from '../api/connection.ts';
import type { Hub, HubStats } from '../api/hub.ts';
import { every } from './every.ts';
import type { Sample } from './protocol.ts';
import type { Clock } from '../api/clock.ts';

/** Time between two samples. */
const INTERVAL_MS = 1_000;

/** Samples kept: five minutes. */
const MAX_SAMPLES = 300;

/** A round trip below this is not examined: the loop is late by some milliseconds all the time. */
const LEAST_MS = 20;

/** Late seconds that are kept. */
const MAX_LATE = 60;

/** Of Node's monitor, which measures how late a native timer of this interval is. */
const RESOLUTION_MS = 20;

/** Whether a connection's last round trip is mostly a delay of our own event loop. */
export type IsOurs = (stats: Pick<ConnectionStats, 'roundTripMs' | 'roundTripAgeMs'>) => boolean;

/** The result of the last survey, as far as samples need it. */
export interface RecorderReadings {
  readonly roundTripsMs: Float64Array;
}

/** Rates and latencies, one sample a second, while a page watches. */
export class Meters {
  readonly #hub: Hub;
  readonly #readings: () => RecorderReadings | undefined;
  readonly #samples: Sample[] = [];
  readonly #delay: ReturnType<typeof monitorEventLoopDelay>;
  readonly #clock: Clock;
  readonly #stopSampling: () => void;
  /** Between which samples the loop was late. */
  readonly #seconds: { readonly from: number; readonly to: number; readonly lateMs: number }[] = [];
  #sampled = 0;
  #last: HubStats;
  #lastAt: number;

  constructor(hub: Hub, clock: Clock, readings: () => RecorderReadings | undefined) {
    this.#hub = hub;
    this.#clock = clock;
    this.#lastAt = clock.now();
    this.#readings = readings;
    this.#last = hub.stats();
    this.#delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
    this.#delay.enable();
    this.#stopSampling = every(clock, INTERVAL_MS, () => this.#sample());
  }

  /** The hub's numbers at the last sample: `hub.stats()` looks at every connection. */
  get stats(): HubStats {
    return this.#last;
  }

  stop(): void {
    this.#stopSampling();
    this.#delay.disable();
  }

  samplesAfter(n: number): readonly Sample[] {
    return this.#samples.filter((sample) => sample.n > n);
  }

  /** Half of the round trip, or more, the loop was late in a second that it touches. */
  readonly isOurs: IsOurs = ({ roundTripMs, roundTripAgeMs }) => {
    if (roundTripMs === undefined || roundTripAgeMs === undefined || roundTripMs < LEAST_MS) return false;
    const end = this.#clock.now() - roundTripAgeMs;
    const start = end - roundTripMs;
    if (end > this.#lastAt && this.#currentDelay() >= roundTripMs / 2) return true;
    return this.#seconds.some(({ from, to, lateMs }) => from <= end && to >= start && lateMs >= roundTripMs / 2);
  };

  /** How late the loop was at most since the last sample. */
  #currentDelay(): number {
    return this.#delay.count === 0 ? 0 : Math.max(0, this.#delay.max / 1e6 - RESOLUTION_MS);
  }

  #sample(): void {
    const stats = this.#hub.stats();
    const now = this.#clock.now();
    const seconds = (now - this.#lastAt) / 1_000;
    const loopDelay = this.#currentDelay();
    const roundTrips = this.#readings()?.roundTripsMs ?? new Float64Array();
    this.#samples.push({
      n: ++this.#sampled,
      at: Date.now(),
      published: (stats.messagesPublished - this.#last.messagesPublished) / seconds,
      deliveries: (stats.deliveries - this.#last.deliveries) / seconds,
      open: stats.connections.open,
      retrying: stats.connections.retrying,
      tripped: stats.connections.tripped,
      roundTripP50: quantile(roundTrips, 0.5),
      roundTripP99: quantile(roundTrips, 0.99),
      loopDelay,
    });
    if (this.#samples.length > MAX_SAMPLES) this.#samples.shift();
    if (loopDelay >= LEAST_MS / 2) this.#seconds.push({ from: this.#lastAt, to: now, lateMs: loopDelay });
    if (this.#seconds.length > MAX_LATE) this.#seconds.shift();
    this.#delay.reset();
    this.#last = stats;
    this.#lastAt = now;
  }
}

function quantile(ascending: Float64Array, q: number): number | null {
  return ascending[Math.min(ascending.length - 1, Math.floor(ascending.length * q))] ?? null;
}
