export function median(values: readonly number[]): number {
  const sorted = values.toSorted((one, other) => one - other);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2;
}

/** Median of the ratios of what was measured in the same round: what slows the machine slows both. */
export function pairedRatio(above: readonly number[], below: readonly number[]): number {
  const rounds = Math.min(above.length, below.length);
  return median(Array.from({ length: rounds }, (_, i) => (above[i] ?? Number.NaN) / (below[i] ?? Number.NaN)));
}

/** The 95 % interval of that median, from the order of the ratios: no shape of their distribution is assumed. */
export function pairedInterval(above: readonly number[], below: readonly number[]): readonly [number, number] {
  const rounds = Math.min(above.length, below.length);
  const ratios = Array.from({ length: rounds }, (_, i) => (above[i] ?? Number.NaN) / (below[i] ?? Number.NaN));
  const sorted = ratios.toSorted((one, other) => one - other);
  const skipped = Math.max(0, Math.floor(rounds / 2 - 0.98 * Math.sqrt(rounds)));
  return [sorted[skipped] ?? Number.NaN, sorted[rounds - 1 - skipped] ?? Number.NaN];
}

/** Three digits that say something. */
export function format(value: number): string {
  if (!Number.isFinite(value)) return '-';
  if (Math.abs(value) >= 100) return value.toFixed(0);
  return Math.abs(value) >= 10 ? value.toFixed(1) : String(Number(value.toFixed(2)));
}
