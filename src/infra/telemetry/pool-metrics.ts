import { metrics, type Meter } from '@opentelemetry/api';
import { observeInstruments, type LastWords } from './observed-instruments.ts';
import { POOL_INSTRUMENTS, type PoolReadings } from './pool-instruments.ts';

/** Of closed pools. */
const lastWords: LastWords = new WeakMap();

/** Lets exporters read the metrics of a pool; returns the function that ends it. */
export function observePoolInstruments(
  read: () => PoolReadings,
  meter: Meter = metrics.getMeter('threadcast'),
): () => void {
  return observeInstruments(meter, POOL_INSTRUMENTS, read, lastWords);
}
