// What one hostile client costs the healthy ones: p99 latency of their messages while it attacks, over that while a process like it
// starts, connects and does nothing, in alternating rounds of one run; and how long it takes until it is closed. `node bench/abuse/run.ts [--quick] [--attack <name>]`
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { constants, setPriority } from 'node:os';
import { setTimeout as wait } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { createHub } from '../../src/index.ts';
import { Crowd } from '../../test/support/crowd.ts';
import { machineNow } from '../../test/support/machine-now.ts';

const { values: flags } = parseArgs({ options: { quick: { type: 'boolean' }, attack: { type: 'string' } } });

/** The floods of test/abuse/attacker.ts. */
const ATTACKS = [
  'words',
  'arrays',
  'deep',
  'publishes',
  'joins',
  'rereads',
  'rejoins',
  'acks',
  'pings',
  'pongs',
  'fragments',
  'inflating',
];
const QUICK = ['words', 'deep', 'rereads', 'pongs', 'inflating'];

const ROUNDS = flags.quick === true ? 5 : 11;
const CLIENTS = 50;
const MESSAGES = 100;
const INTERVAL_MS = 10;
/** A quick run begins no round after this time, and prints what it has measured. */
const QUICK_MS = 150_000;
/** A quick run is over by then, whatever it waits for. */
const QUICK_LIMIT_MS = 180_000;
/** What an attack may add to the p99 of others, and when it has to be over. */
const TARGETS = { addedMs: 5, closedMs: 1_000 };

const hub = createHub();
const http = createServer();
hub.attach(http, {
  authenticate: ({ url = '' }) => ({ userId: url.includes('mallory') ? `mallory${url}` : 'ada' }),
  authorize: () => true,
  onPublish: () => {},
  compress: true,
});
http.listen(0, '127.0.0.1');
await once(http, 'listening');
const address = http.address();
if (address === null || typeof address === 'string') throw new Error('no port');
const url = `ws://127.0.0.1:${address.port}/`;
for (let i = 0; i < 1_000; i++) await hub.thread('h').send({ i, text: 'what a thread holds' });
const healthy = await Crowd.start(url, CLIENTS);

/** The p99 of the healthy clients, in milliseconds. */
async function play(): Promise<number> {
  for (let i = 0; i < MESSAGES; i++) {
    void hub.thread('t').send({ at: machineNow() });
    await wait(INTERVAL_MS);
  }
  await wait(100);
  const { latencies, outOfOrder } = await healthy.books();
  if (latencies.length !== CLIENTS * MESSAGES || outOfOrder > 0) throw new Error(`lost: ${latencies.length} latencies`);
  return latencies[Math.floor(latencies.length * 0.99)] ?? Number.NaN;
}

interface Outcome {
  readonly code: number;
  readonly ms: number;
}

let attackers = 0;
let attacking: ChildProcess | undefined;

/** A user of its own each time: what one has used up is not the next one's. */
async function playUnder(attack: string): Promise<{ p99: number; outcome: Outcome | undefined }> {
  const script = new URL('../../test/abuse/attacker.ts', import.meta.url);
  const child = fork(script, [`${url}?mallory=${attackers++}`, attack, '1']);
  attacking = child;
  // an attacker has a machine of its own: here it gets the cores when the others leave them
  if (child.pid !== undefined) setPriority(child.pid, constants.priority.PRIORITY_LOW);
  try {
    await once(child, 'message');
    await wait(100);
    const ended = once(child, 'message');
    child.send('go');
    const p99 = await play();
    const [outcomes]: (readonly Outcome[])[] = await Promise.race([ended, wait(10_000).then(() => [[]])]);
    return { p99, outcome: outcomes?.[0] };
  } finally {
    child.kill('SIGKILL');
  }
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}

const begunAt = performance.now();
const isTimeUp = (): boolean => flags.quick === true && performance.now() - begunAt > QUICK_MS;
if (flags.quick === true) {
  setTimeout(() => {
    console.error(`no end within ${QUICK_LIMIT_MS / 1_000} s`);
    attacking?.kill('SIGKILL');
    process.exit(1);
  }, QUICK_LIMIT_MS).unref();
}
const names = flags.attack === undefined ? (flags.quick === true ? QUICK : ATTACKS) : [flags.attack];
const ms = (value: number): string => value.toFixed(1);
await play();
console.log(`medians of ${ROUNDS} rounds, ${CLIENTS} healthy clients, a message every ${INTERVAL_MS} ms`);
console.log('| attack | p99 without, ms | p99 with, ms | added, ms | closed with | after, ms | targets |');
console.log('| --- | --- | --- | --- | --- | --- | --- |');
for (const attack of names) {
  if (isTimeUp()) break;
  const without: number[] = [];
  const under: number[] = [];
  const outcomes: Outcome[] = [];
  await playUnder(attack); // compiles what the attack runs
  for (let i = 0; i < ROUNDS && !(i > 0 && isTimeUp()); i++) {
    without.push((await playUnder('nothing')).p99);
    const { p99, outcome } = await playUnder(attack);
    under.push(p99);
    outcomes.push(outcome ?? { code: 0, ms: Infinity });
  }
  const added = median(under) - median(without);
  const closedMs = median(outcomes.map(({ ms: taken }) => taken));
  const codes = [...new Set(outcomes.map(({ code }) => (code === 0 ? 'open' : String(code))))].join(', ');
  const isMet = added <= TARGETS.addedMs && closedMs <= TARGETS.closedMs && codes === '4429';
  const cells = [
    attack,
    ms(median(without)),
    ms(median(under)),
    ms(added),
    codes,
    ms(closedMs),
    isMet ? 'met' : 'missed',
  ];
  console.log(`| ${cells.join(' | ')} |`);
}
await healthy.end();
await hub.close();
http.closeAllConnections();
http.close();
