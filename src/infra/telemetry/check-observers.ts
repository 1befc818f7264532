import type { Meter, Tracer } from '@opentelemetry/api';
import type { Inspector } from '../../api/options.ts';
import { InvalidOptionError } from '../errors.ts';
import { checkMethods } from '../option-checks.ts';

const METER = [
  'createHistogram',
  'createObservableCounter',
  'createObservableUpDownCounter',
  'createObservableGauge',
  'addBatchObservableCallback',
] as const;

/** The options with which an application watches a hub or a pool. */
interface ObserverOptions {
  readonly inspect?: Inspector | readonly Inspector[] | undefined;
  readonly tracer?: Tracer | undefined;
  readonly meter?: Meter | undefined;
}

/** What observes, checked. */
export interface Observers {
  readonly inspectors: readonly Inspector[];
  readonly tracer: Tracer | undefined;
  readonly meter: Meter | undefined;
}

/** @throws InvalidOptionError (`TC_INVALID_OPTION`) */
export function checkObservers({ inspect, tracer, meter }: ObserverOptions): Observers {
  return {
    inspectors: checkInspectors(inspect),
    tracer: checkMethods('tracer', tracer, ['startSpan']),
    meter: checkMethods('meter', meter, METER),
  };
}

function checkInspectors(inspect: ObserverOptions['inspect']): readonly Inspector[] {
  const inspectors: readonly Inspector[] = inspect === undefined ? [] : [inspect].flat();
  for (const value of inspectors) {
    if (typeof value === 'function' || (typeof value === 'object' && value !== null)) continue;
    throw new InvalidOptionError({
      option: 'inspect',
      value,
      expected: 'a function or an observer, or an array of them',
    });
  }
  return inspectors;
}
