import { parseArgs } from 'node:util';
import { ClientTarget } from './client-target.ts';
import { fuzz } from './fuzz.ts';
import { HttpTarget } from './http-target.ts';
import type { Target } from './input.ts';
import { RedisTarget } from './redis-target.ts';
import { ServerTarget } from './server-target.ts';

// npm run fuzz -- --target server [--inputs 100000] [--seed 1] [--save] [--list]: see README.md

const { values } = parseArgs({
  options: {
    target: { type: 'string', default: 'server' },
    inputs: { type: 'string', default: '100000' },
    seed: { type: 'string', default: '1' },
    save: { type: 'boolean', default: false },
    list: { type: 'boolean', default: false },
  },
});

const TARGETS: Readonly<Record<string, () => Promise<Target>>> = {
  client: async () => new ClientTarget(),
  http: async () => HttpTarget.open(),
  redis: async () => RedisTarget.open(),
  server: async () => new ServerTarget(),
};

const open = TARGETS[values.target];
if (open === undefined) throw new Error(`no target ${values.target}: one of ${Object.keys(TARGETS).join(', ')}`);
const begun = process.cpuUsage();
const { inputs, corpus } = await fuzz(values.target, await open(), Number(values.inputs), Number(values.seed));
const { user, system } = process.cpuUsage(begun);
const us = (user + system) / inputs;
globalThis.gc?.();
const { heapUsed } = process.memoryUsage();
if (values.list) process.stdout.write(`${[...corpus.behaviours].join('\n')}\n`);
process.stdout.write(
  `${values.target}: ${inputs} inputs from seed ${values.seed}, ${corpus.behaviours.size} kinds of behaviour, ${us.toFixed(0)} us of CPU each, heap ${(heapUsed / 2 ** 20).toFixed(0)} MiB at the end\n`,
);
if (values.save) corpus.save();
