import { parseArgs } from 'node:util';
import { PostgresStore } from './postgres-store.ts';
import { RedisStore } from './redis-store.ts';
import { RelayStore } from './relay-store.ts';
import { playScenario } from './scenario.ts';
import type { Store } from './store.ts';

// npm run chaos:redis, npm run chaos:postgres: the whole of it, about a minute and a half; with `-- --minutes 60`, again and again for so long,
// each time with new processes

/** A store for each log. */
const STORES: Readonly<Record<string, () => Promise<Store>>> = {
  redis: () => RedisStore.start(),
  relay: () => RelayStore.start(),
  postgres: () => PostgresStore.start(),
};

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { minutes: { type: 'string', default: '0' } },
});
const [name = ''] = positionals;
const startStore = STORES[name];
if (startStore === undefined) throw new Error(`one of ${Object.keys(STORES).join(', ')} is needed`);

const until = performance.now() + Number(values.minutes) * 60_000;
do {
  const { wrong, ...numbers } = await playScenario(startStore, {
    clients: 100,
    publishers: 5,
    threads: 10,
    streams: 2,
    nodes: name === 'postgres' ? 3 : 2,
    deploys: true,
    paceMs: 40,
    quietMs: 3_000,
    troubleMs: 4_000,
    freezeMs: 10_000,
    timeoutMs: 5_000,
    say: (text) => process.stdout.write(`${text}\n`),
  });
  process.stdout.write(`${JSON.stringify(numbers)}\n`);
  // what many clients have met is one line
  const kinds = Map.groupBy(wrong, (fault) => fault.replace(/^client \d+/, 'clients'));
  for (const [fault, { length }] of [...kinds].slice(0, 50)) process.stderr.write(`${length} times: ${fault}\n`);
  process.stdout.write(wrong.length === 0 ? 'every promise was kept\n' : `${wrong.length} faults\n`);
  if (wrong.length > 0) process.exit(1);
} while (performance.now() < until);
process.exit(0);
