import type { InspectionEvent } from 'xstate';
import { makeObserver } from '../actors/support/machine-inspection.ts';
import { observePoolInstruments } from '../infra/telemetry/pool-metrics.ts';
import { Telemetry } from '../infra/telemetry/spans.ts';
import type { PoolStats, PoolTransition } from './api.ts';
import type { PoolSettings } from './options.ts';

/** What is observed. */
interface Observed {
  readonly onTransition: (transition: PoolTransition) => void;
  readonly read: () => PoolStats;
  readonly report: (error: unknown) => void;
}

/** Spans of the transitions, the metrics, and the application's inspectors. */
export function observePool(
  { inspectors, tracer, meter }: PoolSettings,
  { onTransition, read, report }: Observed,
): { readonly inspect: (event: InspectionEvent) => void; readonly unobserve: () => void } {
  const telemetry = new Telemetry(1, report, tracer);
  const inspect = makeObserver(
    ['pool-connection'],
    inspectors,
    (transition) => {
      telemetry.transition(transition);
      onTransition(transition);
    },
    report,
  );
  return { inspect, unobserve: observePoolInstruments(read, meter) };
}
