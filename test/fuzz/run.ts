import { parseArgs } from 'node:util';
import { encode } from './corpus.ts';
import { fuzz, FuzzFailure, shrink } from './fuzz.ts';
import { TARGETS } from './targets.ts';

// npm run fuzz -- --target server [--inputs 100000] [--from 1] [--save] [--list]: see README.md

const { values } = parseArgs({
  options: {
    target: { type: 'string', default: 'all' },
    inputs: { type: 'string', default: '100000' },
    from: { type: 'string', default: '1' },
    save: { type: 'boolean', default: false },
    list: { type: 'boolean', default: false },
  },
});

/** Inputs of one seed. Each seed begins with a new target, which has to be empty at its end. */
const OF_A_SEED = 20_000;

const names = values.target === 'all' ? Object.keys(TARGETS) : values.target.split(',');
const wanted = Number(values.inputs);
/** Inputs that have been given, by target. */
const given = new Map<string, number>();
const [from, begun] = [Number(values.from), process.cpuUsage()];
let isStopped = false;
process.once('SIGINT', () => {
  isStopped = true;
});
// what is written into a log is reported there, and expected here
process.removeAllListeners('warning');
// a tenth of what an input costs, and of no use: a failure is shown by its inputs
Error.stackTraceLimit = 0;

const say = (text: string): boolean => process.stdout.write(`${text}\n`);

async function play(name: string, seed: number): Promise<void> {
  const open = TARGETS[name];
  if (open === undefined) throw new Error(`no target ${name}: one of ${Object.keys(TARGETS).join(', ')}`);
  const before = process.cpuUsage();
  const size = Math.min(OF_A_SEED, wanted);
  try {
    const { inputs, corpus } = await fuzz(name, await open(), size, seed);
    const { user, system } = process.cpuUsage(before);
    given.set(name, (given.get(name) ?? 0) + inputs);
    const us = ((user + system) / inputs).toFixed(0);
    say(`${name} ${seed}: ${inputs} inputs, ${corpus.behaviours.size} kinds of behaviour, ${us} us of CPU each`);
    if (values.list) say([...corpus.behaviours].join('\n'));
    if (values.save) corpus.save();
  } catch (error) {
    if (!(error instanceof FuzzFailure)) throw error;
    process.exitCode = 1;
    isStopped = true;
    const few = await shrink(open, error.suspects);
    process.stderr.write(`${name} ${seed}: ${String(error.cause)}\n${few.map(encode).join('\n')}\n`);
    process.stderr.write(`again: npm run fuzz -- --target ${name} --from ${seed} --inputs ${size}\n`);
  }
}

let seed = from;
while (!isStopped && names.some((name) => (given.get(name) ?? 0) < wanted)) {
  for (const name of names) if (!isStopped) await play(name, seed);
  if (!isStopped) seed++;
}
const { user, system } = process.cpuUsage(begun);
const total = [...given.values()].reduce((sum, inputs) => sum + inputs, 0);
globalThis.gc?.();
const { heapUsed } = process.memoryUsage();
say([...given].map(([name, inputs]) => `${name}: ${inputs}`).join(', '));
say(
  `${total} inputs of seeds ${from} to ${seed - 1}, ${Math.round((total / (user + system)) * 1e6)} a second of CPU, heap ${(heapUsed / 2 ** 20).toFixed(0)} MiB at the end`,
);
say(`goes on with: npm run fuzz -- --target ${values.target} --from ${seed}`);
