import { playScenario } from './scenario.ts';

// npm run chaos:redis: the whole of it, about a minute

const outcome = await playScenario({
  clients: 100,
  publishers: 5,
  threads: 10,
  streams: 2,
  deploys: true,
  paceMs: 40,
  quietMs: 3_000,
  troubleMs: 4_000,
  freezeMs: 10_000,
  timeoutMs: 5_000,
  say: (text) => process.stdout.write(`${text}\n`),
});
const { wrong, ...numbers } = outcome;
process.stdout.write(`${JSON.stringify(numbers)}\n`);
for (const fault of wrong.slice(0, 50)) process.stderr.write(`${fault}\n`);
process.stdout.write(wrong.length === 0 ? 'every promise was kept\n' : `${wrong.length} faults\n`);
process.exit(wrong.length === 0 ? 0 : 1);
