/** Milliseconds of the machine's monotonic clock: the same for all processes, which `performance.timeOrigin` is not when the wall clock is set. */
export function machineNow(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}
