import type { Strategy } from '../../api/receipt.ts';
import { metrics, ValueType } from '@opentelemetry/api';
import type { Attributes, BatchObservableCallback, Histogram, Meter, Observable } from '@opentelemetry/api';

import { HISTOGRAMS, type HistogramDefinition } from './histograms.ts';
import { INSTRUMENTS, type Instrument } from './instruments.ts';
import type { Readings } from './readings.ts';

export type { Meter, Readings };

const seconds = (milliseconds: number): number => milliseconds / 1_000;

/** By meter: ends the last values of a closed hub. */
const lastWords = new WeakMap<Meter, () => void>();

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
    const observed = INSTRUMENTS.map((instrument) => ({ ...instrument, observable: this.#create(instrument) }));
    return observe(this.#meter, observed, read);
  }

  #create({ name, kind, unit, description }: Instrument): Observable {
    const options = { unit, description, valueType: unit === 's' || unit === '1' ? ValueType.DOUBLE : ValueType.INT };
    if (kind === 'total') return this.#meter.createObservableCounter(name, options);
    if (kind === 'level') return this.#meter.createObservableUpDownCounter(name, options);
    return this.#meter.createObservableGauge(name, options);
  }
}

interface Observed extends Instrument {
  readonly observable: Observable;
}

/** Outside the class: its closures outlive the hub, and must hold no reference to it. */
function observe(meter: Meter, observed: readonly Observed[], read: () => Readings): () => void {
  lastWords.get(meter)?.();
  let readNow = read;
  const observables = observed.map(({ observable }) => observable);
  const callback: BatchObservableCallback = (result) => {
    const readings = readNow();
    for (const { observable, read: readOne } of observed) {
      const value = readOne(readings);
      if (typeof value === 'number') result.observe(observable, value);
      else for (const [attributes, each] of value) result.observe(observable, each, attributes);
    }
  };
  meter.addBatchObservableCallback(callback, observables);
  return () => {
    const last = readNow();
    readNow = () => last;
    lastWords.get(meter)?.();
    lastWords.set(meter, () => meter.removeBatchObservableCallback(callback, observables));
  };
}
