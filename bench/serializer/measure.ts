import type { Contender, Encoded } from './contenders.ts';
import { LoopProbe, MajorGcCounter, memoryInUse, nextTurn, settle } from './probe.ts';

/** One run: some messages sent in one go, until the last of them is bytes. */
export interface Run {
  readonly longestMs: number;
  /** Of those turns in which no other process took the core; NaN where there is none. */
  readonly undisturbedMs: number;
  readonly p99Ms: number;
  /** Until the last message is done. */
  readonly latencyMs: number;
  readonly mainCpuMs: number;
  readonly totalCpuMs: number;
  readonly growthMb: number;
  readonly majorGcs: number;
}

/** CPU time is counted in ticks of some milliseconds: shorter runs are repeated for this long. */
const LEAST_COST_MS = 40;

/** Sends `value` so many times at once: first with the probe in the loop, then again for the CPU time. */
export async function measure(contender: Contender, value: unknown, atOnce: number): Promise<Run> {
  const blocks = await measureBlocks(contender, value, atOnce);
  const cost = await measureCost(contender, value, atOnce, Math.ceil(LEAST_COST_MS / blocks.latencyMs));
  return { ...blocks, ...cost };
}

async function measureBlocks(contender: Contender, value: unknown, atOnce: number) {
  await settle();
  const probe = new LoopProbe();
  probe.start();
  const start = performance.now();
  const all = await encodeAll(contender, value, atOnce);
  const latencyMs = performance.now() - start;
  probe.stop();
  releaseAll(all);
  return { longestMs: probe.longestMs, undisturbedMs: probe.undisturbedMs, p99Ms: probe.p99Ms, latencyMs };
}

async function measureCost(contender: Contender, value: unknown, atOnce: number, rounds: number) {
  await settle();
  const collections = new MajorGcCounter();
  collections.start();
  const memory = memoryInUse();
  const main = process.threadCpuUsage();
  const total = process.cpuUsage();
  let growthMb = 0;
  for (let round = 0; round < rounds; round++) {
    const all = await encodeAll(contender, value, atOnce);
    if (round === 0) growthMb = (memoryInUse() - memory) / 1e6;
    releaseAll(all);
  }
  const mainUsed = process.threadCpuUsage(main);
  const totalUsed = process.cpuUsage(total);
  // The observer is told of a collection in a later turn.
  await nextTurn();
  await nextTurn();
  const majorGcs = collections.stop() / rounds;
  return {
    mainCpuMs: (mainUsed.user + mainUsed.system) / 1000 / rounds,
    totalCpuMs: (totalUsed.user + totalUsed.system) / 1000 / rounds,
    growthMb,
    majorGcs,
  };
}

async function encodeAll(contender: Contender, value: unknown, atOnce: number): Promise<Encoded[]> {
  const pending: (Encoded | Promise<Encoded>)[] = [];
  for (let count = 0; count < atOnce; count++) pending.push(contender.encode(value));
  const encoded: Encoded[] = [];
  for (const one of pending) encoded.push(one instanceof Promise ? await one : one);
  return encoded;
}

function releaseAll(all: readonly Encoded[]): void {
  for (const encoded of all) encoded.release();
}

/** Until a message of 100 KB is bytes, that is sent after twenty of 10 MB. */
export async function measureBehind(
  contender: Contender,
  big: unknown,
  small: unknown,
  turnsBetween: number,
): Promise<number> {
  await settle();
  const bigs = encodeAll(contender, big, 20);
  for (let turn = 0; turn < turnsBetween; turn++) await nextTurn();
  const start = performance.now();
  const encoded = contender.encode(small);
  releaseAll([encoded instanceof Promise ? await encoded : encoded]);
  const latencyMs = performance.now() - start;
  releaseAll(await bigs);
  return latencyMs;
}

/** Microseconds per message: what the question whether a value is small adds to `JSON.stringify`. */
export function measureSmall(value: unknown, isSmall: (value: unknown) => boolean): { bareUs: number; gateUs: number } {
  const rounds = 20_000;
  let length = 0;
  const start = performance.now();
  for (let round = 0; round < rounds; round++) length += JSON.stringify(value).length;
  const middle = performance.now();
  for (let round = 0; round < rounds; round++) if (isSmall(value)) length += JSON.stringify(value).length;
  const end = performance.now();
  if (length === 0) throw new Error('nothing was measured');
  const bareUs = ((middle - start) * 1000) / rounds;
  return { bareUs, gateUs: ((end - middle) * 1000) / rounds - bareUs };
}

/** The longest turn of a loop that works for exactly 2 ms a turn: how much of a block is the machine, or its other users. */
export async function measureNoise(): Promise<number> {
  await settle();
  const probe = new LoopProbe();
  probe.start();
  for (let turn = 0; turn < 100; turn++) {
    const end = performance.now() + 2;
    while (performance.now() < end);
    await nextTurn();
  }
  probe.stop();
  return probe.longestMs;
}
