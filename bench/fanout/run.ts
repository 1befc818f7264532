/**
 * Fan-out benchmark: `node bench/fanout/run.ts [--quick] [--rows NAME,...] [--contenders NAME,...] [--out FILE] [--charts]`.
 *
 * Every contender is a process of its own on one core, the load client is on another, and they take turns. See README.md.
 */
import { parseArgs } from 'node:util';
import { findContenders, type ContenderSpec } from './contenders.ts';
import { describeMachine } from './machine.ts';
import { measureAccept } from './measure/accept.ts';
import { measureCompressed } from './measure/compressed.ts';
import { measureFanout } from './measure/fanout.ts';
import { measureGrowth } from './measure/growth.ts';
import { measureHuge } from './measure/huge.ts';
import { measureLatency } from './measure/latency.ts';
import { measureLayers } from './measure/layers.ts';
import { measureNative } from './measure/native.ts';
import type { Bench } from './measure/ring.ts';
import { measureStalled } from './measure/stalled.ts';
import type { Names } from './report/columns.ts';
import { acceptSection } from './report/accept-section.ts';
import { fanoutSection } from './report/fanout-section.ts';
import { nativeSection } from './report/native-section.ts';
import { renderReport, writeCharts, writeReport } from './report/markdown.ts';
import type { Section } from './report/section.ts';
import {
  compressedSection,
  growthSection,
  hugeSection,
  latencySection,
  layersSection,
  stalledSection,
} from './report/sections.ts';
import { Stage } from './stage.ts';

const { values: flags } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    rows: { type: 'string' },
    contenders: { type: 'string' },
    out: { type: 'string' },
    charts: { type: 'boolean', default: false },
  },
});

/** The groups of rows by the names that `--rows` knows. */
const groups: Readonly<Record<string, (bench: Bench, names: Names) => Promise<Section>>> = {
  'fanout-1000': async (bench, names) => fanoutSection(await measureFanout(bench, 1_000), names),
  'fanout-10000': async (bench, names) => fanoutSection(await measureFanout(bench, 10_000), names),
  latency: async (bench, names) => latencySection(await measureLatency(bench), names),
  stalled: async (bench, names) => stalledSection(await measureStalled(bench), names),
  huge: async (bench, names) => hugeSection(await measureHuge(bench), names),
  accept: async (bench, names) => acceptSection(await measureAccept(bench), names),
  growth: async (bench, names) => growthSection(await measureGrowth(bench), names),
  compressed: async (bench, names) => compressedSection(await measureCompressed(bench), names),
  native: async (bench, names) => nativeSection(await measureNative(bench), names),
  layers: async (bench) => layersSection(await measureLayers(bench)),
};
const quickGroups = ['fanout-1000', 'growth', 'layers'];
const usualGroups = Object.keys(groups).filter((name) => name !== 'native');

const wanted = flags.rows?.split(',') ?? (flags.quick ? quickGroups : usualGroups);
const unknown = wanted.filter((name) => !(name in groups));
if (unknown.length > 0) throw new Error(`no rows ${unknown.join(', ')}; there are ${Object.keys(groups).join(', ')}`);

const start = performance.now();
const available = findContenders(flags.contenders?.split(','));
const names: Names = new Map(available.here.map(({ name, title }) => [name, title]));
const bench: Bench = {
  contenders: available.here,
  isQuick: flags.quick,
  log: (text) => console.error(`${String(Math.round((performance.now() - start) / 1_000)).padStart(4)} s  ${text}`),
};

const versions = await versionsOf(available.here);
const sections: Section[] = [];
for (const name of wanted) {
  const section = await groups[name]?.(bench, names);
  if (section !== undefined) sections.push(section);
}

const minutes = Math.ceil((performance.now() - start) / 60_000);
const kind = flags.quick ? 'Quick run: few and short rounds, not for comparison.' : 'Full run.';
const date = new Date().toISOString().slice(0, 10);
const environment = [`${date}. ${kind} ${minutes} minutes. ${describeMachine()}.`, `Versions: ${versions}.`];
// its rows take as long as all others together, and have a place of their own
const isNative = wanted.length === 1 && wanted[0] === 'native';
const title = isNative ? 'Fan-out off the event loop' : 'Fan-out';
const report = { title, environment, missing: available.missing, sections };
// a quick run is not for quoting: it is printed and leaves the file alone
if (flags.out !== undefined && !flags.quick) {
  writeReport(flags.out, isNative ? 'native' : 'fanout', report, flags.charts);
} else {
  console.log(renderReport(report, flags.charts && !flags.quick));
  if (flags.charts && !flags.quick) writeCharts('docs/benchmarks', sections);
}

/** Each is asked itself: what it runs on is its own affair. */
async function versionsOf(specs: readonly ContenderSpec[]): Promise<string> {
  const all: string[] = [];
  for (const spec of specs) {
    try {
      const stage = await Stage.start(spec);
      const words = Object.entries(stage.versions).map(([name, version]) => `${name} ${version}`);
      all.push(`${spec.title} (${words.join(', ')})`);
      await stage.stop();
    } catch (error) {
      bench.log(`${spec.title} does not start: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  return all.join('; ');
}
