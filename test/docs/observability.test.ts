import { globSync, readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { CHAT_HISTOGRAMS, HISTOGRAMS } from '../../src/infra/telemetry/histograms.ts';
import { POOL_INSTRUMENTS } from '../../src/infra/telemetry/pool-instruments.ts';
import { INSTRUMENTS } from '../../src/infra/telemetry/instruments.ts';

const root = new URL('../../', import.meta.url);
const page = readFileSync(new URL('docs/observability.md', root), 'utf8');
const sources = globSync('src/{actors,infra}/**/*.ts', { cwd: root }).map((path) =>
  readFileSync(new URL(path, root), 'utf8'),
);

function found(pattern: RegExp): string[] {
  return [...new Set(sources.flatMap((source) => [...source.matchAll(pattern)].map(([, name = '']) => name)))];
}

/** Metrics, and attributes of spans and metrics. */
const names = found(/'(threadcast\.[\w.]+)'/g).filter((name) => !name.startsWith('threadcast.v1.'));

it('names every metric and every attribute in the code, and no other', () => {
  const documented = [...page.matchAll(/`(threadcast\.[\w.]+)`/g)].map(([, name]) => name);
  expect(new Set(documented)).toEqual(new Set(names));
});

it('gives every metric its unit', () => {
  const kinds = { total: 'counter', level: 'updowncounter', gauge: 'gauge' };
  const observed = [...INSTRUMENTS, ...POOL_INSTRUMENTS].map(({ name, unit, kind }) => [name, kinds[kind], unit]);
  const recorded = Object.values({ ...HISTOGRAMS, ...CHAT_HISTOGRAMS }).map(({ name, unit }) => [
    name,
    'histogram',
    unit,
  ]);
  const rows = [
    ...page.matchAll(/^\| `(threadcast[\w.]+)` +\| (counter|updowncounter|gauge|histogram) +\| `([^`]+)`/gm),
  ].map(([, ...cells]) => cells);
  expect(new Set(rows.map(String))).toEqual(new Set([...observed, ...recorded].map(String)));
});

it('names every span', () => {
  const spans = found(/#(?:start|open)\(\s*['`]([^'`]+)/g);
  expect(spans.length).toBeGreaterThanOrEqual(6);
  for (const span of spans) expect(page).toContain(`| \`${span.replace(/\$\{\w+\}/, '<machine>')}\``);
});
