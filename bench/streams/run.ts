/**
 * What a text stream costs, beside a stream of chunks whose codec folds text, and a message for each delta:
 * `npm run bench:streams -- [--rounds 9] [--deltas 10000] [--viewers 100] [--before <another checkout>]`.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { environment, format, median, table, writeSection } from '../document.ts';
import { pairedInterval, pairedRatio } from '../fanout/statistics.ts';
import type { Kind, Result, Task, What } from './work.ts';

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '9' },
    deltas: { type: 'string', default: '10000' },
    viewers: { type: 'string', default: '100' },
    before: { type: 'string' },
    out: { type: 'string' },
  },
});
const [rounds, deltas, viewers] = [Number(values.rounds), Number(values.deltas), Number(values.viewers)];
const here = resolve(import.meta.dirname, '../..');

interface Contender {
  readonly name: string;
  readonly source: string;
  readonly kind: Kind;
}

const TEXT: Contender = { name: 'text stream', source: here, kind: 'text' };
const CONTENDERS: readonly Contender[] = [
  TEXT,
  ...(values.before === undefined
    ? []
    : [{ name: 'text stream, before', source: resolve(values.before), kind: 'text' } as const]),
  { name: 'stream of chunks', source: here, kind: 'chunks' },
  { name: 'a message for each delta', source: here, kind: 'sends' },
];

/** With the field of the result, and by how much it is divided. */
const ROWS: readonly (readonly [label: string, what: What, field: keyof Result, unit: number])[] = [
  [`a delta to ${viewers} viewers, us of CPU`, 'append', 'cost', 1],
  ['a delta of many in one window, without viewers, us of CPU', 'write', 'cost', 1],
  ['a resume, us of CPU', 'resume', 'cost', 1],
  ['a resume, KB to the client', 'resume', 'bytes', 1_000],
  ['memory of what is held, KB', 'memory', 'cost', 1_000],
];

async function measure({ source, kind }: Contender, what: What): Promise<Result> {
  // a message for each of a million deltas would be another measurement
  const task: Task = { source, kind, what, deltas: what === 'append' ? 20_000 : deltas, viewers };
  const child = fork(new URL('./work.ts', import.meta.url), [JSON.stringify(task)], { execArgv: ['--expose-gc'] });
  const [result]: Result[] = await Promise.race([once(child, 'message'), once(child, 'exit').then(() => [])]);
  if (result === undefined) throw new Error('no result');
  await once(child, 'exit');
  return result;
}

type Measured = ReadonlyMap<string, readonly Result[]>;
const keyOf = ({ name }: Contender, what: What): string => `${name}: ${what}`;

async function measureAll(): Promise<Measured> {
  const measured = new Map<string, Result[]>();
  for (let round = 0; round < rounds; round++) {
    for (const what of new Set(ROWS.map(([, each]) => each))) {
      for (const contender of round % 2 === 0 ? CONTENDERS : CONTENDERS.toReversed()) {
        const key = keyOf(contender, what);
        const result = await measure(contender, what);
        measured.set(key, [...(measured.get(key) ?? []), result]);
      }
    }
    console.error(`round ${round + 1} of ${rounds}`);
  }
  return measured;
}

function report(measured: Measured): string {
  const cell = (contender: Contender, what: What, field: keyof Result, unit: number): string => {
    const list = (of: Contender): number[] => (measured.get(keyOf(of, what)) ?? []).map((result) => result[field]);
    const cost = format(median(list(contender)) / unit);
    if (contender === TEXT) return `${cost}, 1 x`;
    const [low, high] = pairedInterval(list(contender), list(TEXT));
    const ratio = pairedRatio(list(contender), list(TEXT));
    return `${cost}, ${format(ratio)} x (${format(low)} to ${format(high)})`;
  };
  return [
    '## Text streams',
    environment(),
    `The hub with sockets in memory that take all bytes, on a virtual clock: what is measured is this library, without system calls. Each figure is of a process of its own; ${rounds} rounds, medians, and the ratio to the text stream in the same round with its 95 % interval. Deltas of 9 characters come each 10 ms, four to a window; one resume, or held answer, is of ${deltas.toLocaleString('en')} of them. The chunks are objects, whose codec puts their texts together. Run it with \`npm run bench:streams\`; with \`--before <path>\`, it measures another checkout beside this one.`,
    table(
      ['', ...CONTENDERS.map(({ name }) => name)],
      ROWS.map(([label, what, field, unit]) => [
        label,
        ...CONTENDERS.map((contender) => cell(contender, what, field, unit)),
      ]),
    ),
  ].join('\n\n');
}

const text = report(await measureAll());
if (values.out === undefined) console.log(text);
else writeSection(values.out, 'streams', text);
