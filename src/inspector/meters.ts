import { monitorEventLoopDelay } from 'node:perf_hooks';
import type { Hub, HubStats } from '../api/hub.ts';
import { every } from './every.ts';
import type { Sample } from './protocol.ts';
import type { Clock } from '../api/clock.ts';

/** Time between two samples. */
const INTERVAL_MS = 1_000;

/** Samples kept: five minutes. */
const MAX_SAMPLES = 300;

/** Of Node's monitor, which measures how late a native timer of this interval is. */
const RESOLUTION_MS = 20;

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

  #sample(): void {
    const stats = this.#hub.stats();
    const now = this.#clock.now();
    const seconds = (now - this.#lastAt) / 1_000;
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
      loopDelay: this.#delay.count === 0 ? 0 : Math.max(0, this.#delay.max / 1e6 - RESOLUTION_MS),
    });
    if (this.#samples.length > MAX_SAMPLES) this.#samples.shift();
    this.#delay.reset();
    this.#last = stats;
    this.#lastAt = now;
  }
}

function quantile(ascending: Float64Array, q: number): number | null {
  return ascending[Math.min(ascending.length - 1, Math.floor(ascending.length * q))] ?? null;
}
