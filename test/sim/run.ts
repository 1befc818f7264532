import { draw } from './schedule.ts';
import { simulate, story } from './simulate.ts';

// npm run sim -- --seeds 1000 [--from N] [--brief]: schedule after schedule, until one fails; `--brief` does not shorten that one

const option = (name: string, fallback: number): number => {
  const at = process.argv.indexOf(`--${name}`);
  return at < 0 ? fallback : Number(process.argv[at + 1]);
};

const isBrief = process.argv.includes('--brief');
const from = option('from', 1);
const seeds = option('seeds', 1_000);
const begun = performance.now();
let deliveries = 0;
for (let seed = from; seed < from + seeds; seed++) {
  const verdict = await simulate(draw(seed));
  deliveries += verdict.deliveries;
  if (verdict.violations.length === 0) continue;
  process.stdout.write(`${isBrief ? `seed ${seed}: ${verdict.violations[0]}` : await story(seed)}\n`);
  process.exitCode = 1;
  break;
}
const ms = (performance.now() - begun) / seeds;
process.stdout.write(
  `${seeds} schedules from seed ${from}, ${deliveries} deliveries checked, ${ms.toFixed(1)} ms each\n`,
);
