import type { Schedule } from './schedule.ts';
import { FAULT_EVENTS } from './faults.ts';
import { POST_FATES } from './post-fates.ts';
import type { Verdict } from './simulate.ts';

/** What each schedule is to have at least, as a median: one that is smaller finds little. */
const LEAST = { nodes: 2, clients: 4, steps: 60, 'classes of faults': 3, 'deliveries checked': 100 } as const;

type Measure = keyof typeof LEAST;

const MEASURES = ['nodes', 'clients', 'steps', 'classes of faults', 'deliveries checked'] as const satisfies Measure[];

/** What a run of schedules has done. Plain data, so that processes can send it. */
export interface Tally {
  schedules: number;
  steps: number;
  deliveries: number;
  /** CPU time of the schedules, in milliseconds. */
  cpuMs: number;
  /** How often each event was seen, the classes of faults among them. */
  readonly seen: Record<string, number>;
  /** For each measure: how many schedules had which value. */
  readonly spread: Record<Measure, Record<number, number>>;
}

export function newTally(): Tally {
  return {
    schedules: 0,
    steps: 0,
    deliveries: 0,
    cpuMs: 0,
    seen: {},
    spread: { nodes: {}, clients: {}, steps: {}, 'classes of faults': {}, 'deliveries checked': {} },
  };
}

export function count(tally: Tally, schedule: Schedule, verdict: Verdict): void {
  tally.schedules++;
  tally.steps += schedule.steps.length;
  tally.deliveries += verdict.deliveries;
  for (const [event, times] of verdict.seen) add(tally.seen, event, times);
  const faults = Object.keys(FAULT_EVENTS).filter((fault) => faultsOf(fault, verdict.seen) > 0);
  add(tally.spread.nodes, schedule.nodes, 1);
  add(tally.spread.clients, schedule.clients, 1);
  add(tally.spread.steps, schedule.steps.length, 1);
  add(tally.spread['classes of faults'], faults.length, 1);
  add(tally.spread['deliveries checked'], verdict.deliveries, 1);
}

export function merge(into: Tally, other: Tally): void {
  into.schedules += other.schedules;
  into.steps += other.steps;
  into.deliveries += other.deliveries;
  into.cpuMs += other.cpuMs;
  for (const [event, times] of Object.entries(other.seen)) add(into.seen, event, times);
  for (const measure of MEASURES)
    for (const [value, times] of Object.entries(other.spread[measure])) add(into.spread[measure], Number(value), times);
}

/** The measures whose median is too small. */
export function tooSmall(tally: Tally): readonly string[] {
  return MEASURES.filter((measure) => medianOf(tally.spread[measure]) < LEAST[measure]);
}

/** In words. */
export function report(tally: Tally): string {
  const { schedules, steps, deliveries, cpuMs, seen, spread } = tally;
  const medians = MEASURES.map((measure) => `${medianOf(spread[measure])} ${measure}`);
  const faults = Object.keys(FAULT_EVENTS).map((fault) => `${fault} ${faultsOf(fault, new Map(Object.entries(seen)))}`);
  const sse = (what: string): number => seen[`sse ${what}`] ?? 0;
  const fates = POST_FATES.map((fate) => `${sse(`post: ${fate}`)} ${fate}`).join(', ');
  return [
    `${schedules} schedules, ${steps} steps, ${deliveries} deliveries checked`,
    `medians: ${medians.join(', ')}; ${(cpuMs / Math.max(1, schedules)).toFixed(1)} ms of CPU each`,
    `faults: ${faults.join(', ')}`,
    `over SSE: ${sse('connection')} connections, ${sse('resume')} resumes, ${sse('proxy')} through a proxy that buffers; ${sse('post')} POSTs, ${fates}`,
  ].join('\n');
}

function faultsOf(fault: string, seen: ReadonlyMap<string, number>): number {
  const events = FAULT_EVENTS[fault] ?? [];
  return events.reduce((sum, event) => sum + (seen.get(event) ?? 0), 0);
}

function add<Key extends string | number>(counts: Record<Key, number>, key: Key, times: number): void {
  counts[key] = (counts[key] ?? 0) + times;
}

function medianOf(counts: Readonly<Record<number, number>>): number {
  const sorted = Object.entries(counts).sort(([a], [b]) => Number(a) - Number(b));
  let left = sorted.reduce((sum, [, times]) => sum + times, 0) / 2;
  for (const [value, times] of sorted) {
    left -= times;
    if (left <= 0) return Number(value);
  }
  return 0;
}
