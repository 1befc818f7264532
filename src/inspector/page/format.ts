import type { ConnectionRow } from '../protocol.ts';

const whole = new Intl.NumberFormat('en', { maximumFractionDigits: 0 });
const short = new Intl.NumberFormat('en', { notation: 'compact', maximumFractionDigits: 1 });
const clock = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit', second: '2-digit' });

/** `10,000` */
export function count(value: number): string {
  return whole.format(value);
}

/** `1 thread`, `3 threads` */
export function counted(value: number, noun: string): string {
  return `${count(value)} ${noun}${value === 1 ? '' : 's'}`;
}

/** `12.3K` */
export function rate(value: number): string {
  return value < 1_000 ? whole.format(value) : short.format(value);
}

/** `4.2 ms`, `1.8 s`, `5 min`, `3 h`, `2 d` */
export function duration(ms: number | null | undefined): string {
  if (ms == null) return '–';
  if (ms < 10) return `${ms.toFixed(1)} ms`;
  if (ms < 1_000) return `${ms.toFixed(0)} ms`;
  const seconds = ms / 1_000;
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  if (seconds < 60) return `${Math.floor(seconds)} s`;
  if (seconds < 3_600) return `${Math.floor(seconds / 60)} min ${Math.floor(seconds % 60)} s`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3_600)} h ${Math.floor((seconds % 3_600) / 60)} min`;
  return `${Math.floor(seconds / 86_400)} d`;
}

/** `4.2 ms`; `ours` where the process's own event loop was late, so that the time says little about the client. */
export function roundTrip({ roundTripMs, isRoundTripOurs }: ConnectionRow): string {
  return isRoundTripOurs ? `${duration(roundTripMs)}, ours` : duration(roundTripMs);
}

/** `4.2 · 8.0 ms`: the unit once where it is the same. */
export function durations(one: number | null, other: number | null): string {
  const [first, last] = [duration(one), duration(other)];
  const unit = / \S+$/.exec(first)?.[0] ?? '';
  return `${unit !== '' && last.endsWith(unit) ? first.slice(0, -unit.length) : first} · ${last}`;
}

/** `0`, `1.4 MB` */
export function bytes(value: number): string {
  if (value === 0) return '0';
  if (value < 1_000) return `${value} B`;
  if (value < 1e6) return `${(value / 1e3).toFixed(1)} kB`;
  return value < 1e9 ? `${(value / 1e6).toFixed(1)} MB` : `${(value / 1e9).toFixed(1)} GB`;
}

/** `14:03:59` */
export function time(at: number): string {
  return clock.format(at);
}

/** The group of a state, for its colour: `retrying` of `retrying.attempting`. */
export function groupOf(path: string): string {
  return path.split('.', 1)[0] ?? path;
}
