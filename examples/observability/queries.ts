/**
 * PromQL for the metrics of threadcast. Exporters spell their names differently: with or without the unit (`_seconds`), with or
 * without `_total`. Every expression here takes whichever there is.
 */

/** Which series, and over what time: Grafana and the alert rules differ in both. */
export interface Scope {
  /** Label matchers, `job=~"$job"`, or nothing for all. */
  readonly labels: string;
  /** `1m`, or a variable. */
  readonly window: string;
}

/** `threadcast.send.timeouts` as `threadcast_send_timeouts` and, for each suffix, with that. */
function spellings(name: string, suffixes: readonly string[]): string[] {
  const bare = name.replaceAll('.', '_');
  return [...suffixes.map((suffix) => `${bare}${suffix}`), bare];
}

function either(expressions: readonly string[]): string {
  return expressions.join(' or ');
}

function selector(name: string, labels: string): string {
  return labels === '' ? name : `${name}{${labels}}`;
}

/** How much a counter has grown within the window. `unit` is the suffix that some exporters put before `_total`. */
export function growth(
  how: 'increase' | 'rate',
  name: string,
  { labels, window }: Scope,
  unit: '' | '_bytes' = '',
): string {
  const suffixes = unit === '' ? ['_total'] : [`${unit}_total`, '_total', unit];
  return either(spellings(name, suffixes).map((each) => `${how}(${selector(each, labels)}[${window}])`));
}

export function level(name: string, { labels }: Scope, unit: '' | '_bytes' | '_seconds' | '_ratio' = ''): string {
  return either(spellings(name, unit === '' ? [] : [unit]).map((each) => selector(each, labels)));
}

/** A quantile over all series of a histogram, kept apart by `by`. */
export function quantile(
  q: number,
  name: string,
  { labels, window }: Scope,
  { by, unit = '_seconds' }: { readonly by: readonly string[]; readonly unit?: '' | '_seconds' },
): string {
  const suffixes = unit === '' ? [] : [`${unit}_bucket`];
  const names = [...suffixes, '_bucket'].map((suffix) => `${name.replaceAll('.', '_')}${suffix}`);
  // increase, not rate: counts stay whole numbers where they are, so that a quantile on a boundary is exactly that
  const buckets = either(names.map((each) => `increase(${selector(each, labels)}[${window}])`));
  return `histogram_quantile(${q}, sum by (${[...by, 'le'].join(', ')}) (${buckets}))`;
}
