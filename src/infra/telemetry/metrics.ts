import type { Strategy } from '../../api/receipt.ts';
import { metrics } from '@opentelemetry/api';
import type { Attributes, Histogram, Meter } from '@opentelemetry/api';
import { HISTOGRAMS, type HistogramDefinition } from './histograms.ts';
import { INSTRUMENTS } from './instruments.ts';
import { observeInstruments, type LastWords } from './observed-instruments.ts';
import type { Readings } from './readings.ts';

export type { Meter, Readings };

const seconds = (milliseconds: number): number => milliseconds / 1_000;

/** Of closed hubs. */
const lastWords: LastWords = new WeakMap();

/**
 * The hub's metrics through `@opentelemetry/api`. Events of each delivery are counted in plain integers elsewhere, which are read here when
 * an exporter asks. Only events of each send are recorded. No attribute is an id.
 */
export class Metrics {
  readonly #meter: Meter;
  readonly #report: (error: unknown) => void;
  readonly #serialization: Histogram;
  readonly #queueWait: Histogram;
  readonly #fanoutSize: Histogram;
  readonly #fanoutDuration: Histogram;

  constructor(report: (error: unknown) => void, meter: Meter = metrics.getMeter('threadcast')) {
    this.#meter = meter;
    this.#report = report;
    const histogram = ({ name, unit, description, boundaries }: HistogramDefinition): Histogram =>
      meter.createHistogram(name, { unit, description, advice: { explicitBucketBoundaries: boundaries } });
    this.#serialization = histogram(HISTOGRAMS.serialization);
    this.#queueWait = histogram(HISTOGRAMS.queueWait);
    this.#fanoutSize = histogram(HISTOGRAMS.fanoutSize);
    this.#fanoutDuration = histogram(HISTOGRAMS.fanoutDuration);
  }

  serialized(strategy: Strategy, durationMs: number, queueWaitMs: number): void {
    const attributes = { 'threadcast.strategy': strategy };
    this.#record(this.#serialization, seconds(durationMs), attributes);
    this.#record(this.#queueWait, seconds(queueWaitMs), attributes);
  }

  fannedOut(connections: number, durationMs: number): void {
    this.#record(this.#fanoutSize, connections);
    this.#record(this.#fanoutDuration, seconds(durationMs));
  }

  /** A meter that throws must not fail a send. */
  #record(histogram: Histogram, value: number, attributes?: Attributes): void {
    try {
      histogram.record(value, attributes);
    } catch (error) {
      this.#report(error);
    }
  }

  /**
   * Lets exporters read the metrics.
   * @returns the function that ends it. An SDK collects once more when it is shut down, so exporters still get the last numbers until
   * another hub uses the meter
   */
  observe(read: () => Readings): () => void {
    return observeInstruments(this.#meter, INSTRUMENTS, read, lastWords);
  }
}
