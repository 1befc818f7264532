import { ValueType, type BatchObservableCallback, type Meter, type Observable } from '@opentelemetry/api';
import type { Instrument } from './instruments.ts';

/** By meter: ends the last values of what was closed. */
export type LastWords = WeakMap<Meter, () => void>;

/**
 * Lets exporters read instruments.
 * @returns the function that ends it. An SDK collects once more when it is shut down, so exporters still get the last numbers until
 * another one uses the meter
 */
export function observeInstruments<R>(
  meter: Meter,
  instruments: readonly Instrument<R>[],
  read: () => R,
  lastWords: LastWords,
): () => void {
  const observed = instruments.map((instrument) => ({ ...instrument, observable: create(meter, instrument) }));
  lastWords.get(meter)?.();
  // these closures outlive what they read, and must hold no reference to it
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

function create<R>(meter: Meter, { name, kind, unit, description }: Instrument<R>): Observable {
  const options = { unit, description, valueType: unit === 's' || unit === '1' ? ValueType.DOUBLE : ValueType.INT };
  if (kind === 'total') return meter.createObservableCounter(name, options);
  if (kind === 'level') return meter.createObservableUpDownCounter(name, options);
  return meter.createObservableGauge(name, options);
}
