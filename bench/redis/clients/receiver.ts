import type { RawData } from 'ws';
import { usageSince, type Usage } from '../usage.ts';
import { now } from '../work.ts';

export interface ReceiveOrder {
  readonly port: number;
  readonly connections: number;
  readonly threads: number;
}

/** What all clients together have received, and what this process has used since the last order. */
export interface Received extends Usage {
  readonly count: number;
  readonly p50: number;
  readonly p99: number;
  readonly p999: number;
  readonly max: number;
}

/** Serves the benchmark's orders: the first one joins, each further one asks for what came since the last. */
export function receive(join: (order: ReceiveOrder, onMessage: (due: number) => void) => Promise<void>): void {
  const usage = usageSince();
  let latencies: number[] = [];
  let isJoined = false;
  process.on('disconnect', () => process.exit(0));
  process.on('message', (order: ReceiveOrder) => {
    if (isJoined) {
      process.send?.({ ...summarize(latencies), ...usage() });
      latencies = [];
      return;
    }
    isJoined = true;
    void join(order, (due) => latencies.push(now() - due)).then(() => process.send?.('joined'));
  });
}

/** Of a text message: `ws` gives it as one buffer. */
export const textOf = (data: RawData): string => (Buffer.isBuffer(data) ? data.toString() : '');

function summarize(latencies: readonly number[]): Omit<Received, keyof Usage> {
  const sorted = latencies.toSorted((one, other) => one - other);
  const at = (share: number): number =>
    sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
  return { count: sorted.length, p50: at(0.5), p99: at(0.99), p999: at(0.999), max: sorted.at(-1) ?? Number.NaN };
}
