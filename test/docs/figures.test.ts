import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { numberOf, rowsOf } from '../../bench/glance.ts';

const read = (path: string): string => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');
const source = read('docs/benchmarks.md');

/** Where a figure is in docs/benchmarks.md: the part, the first cell of the table's head, the row, the column, and the part of the cell. */
type Place = readonly [heading: string, table: string, row: string, column: string, part?: number];

function measured([heading, table, row, column, part = 0]: Place): number {
  const [head = [], ...rows] = rowsOf(source, heading, table);
  const cells = rows.find((each) => each.join(' | ').startsWith(row));
  const value = numberOf(cells?.[head.indexOf(column)], part);
  if (Number.isNaN(value)) throw new Error(`no figure at ${heading}, ${table}, ${row}, ${column}`);
  return value;
}

/** What is measured, with as many digits as the quoted number has. */
function quotedAs(quote: string, value: number): string {
  const [, whole = '', digits = ''] = /^([\d,]+)(?:\.(\d+))?/.exec(quote) ?? [];
  const text = (value + 1e-9).toFixed(digits.length);
  return whole.includes(',') ? Number(text).toLocaleString('en') : text;
}

/** The cells of the row of a page's table that begins with this text. */
function cellsOf(page: string, row: string): readonly string[] {
  const line = page.split('\n').find((each) => each.startsWith(`| ${row} `)) ?? '';
  return line
    .split('|')
    .slice(2, -1)
    .map((cell) => cell.trim());
}

const BIG = '### 50 MB while small messages flow';
const THOUSAND = '### To 1000 connections';
const MANY = '### To 10000 connections';
const CPU = 'CPU per delivery, us';

const block = (who: string): Place => [BIG, 'contender', `${who} | 50`, 'longest block, ms'];
const small = (who: string): Place => [BIG, 'contender', `${who} | 50`, 'small: p50 / p99 / max, ms', 1];
const cpu = (heading: string, row: string, who: string): Place => [heading, CPU, row, who];
const packed = (who: string): Place => ['### Compressed', 'message', '16 KB to 100', who];
const idle = (who: string): Place => [
  '### Growth and idle memory',
  'resident memory per connection, KB',
  '1000 to',
  who,
];
const redis = (who: string, column = 'p99 ms', threads = '1,000'): Place => [
  '## The Redis log',
  'threads',
  `${threads} | ${who}`,
  column,
];
const durable = (column: string): Place => ['## The Postgres log', 'log', 'Postgres, on disk', column];
const grown = (table: string, row: string): Place => ['### Growth and idle memory', table, row, 'threadcast'];
const delivery = grown('CPU per delivery of 1 KB, us', 'to 19900');
const made = grown('CPU of that per connection, us', '1000 to 10000');
const joined = redis('threadcast', 'joining all', '100,000');
const costOfRedis = redis('threadcast', 'Redis, us');

/** A page, a row of it, and what its cells quote; undefined where a cell is no measured figure. */
const QUOTES: readonly (readonly [page: string, row: string, places: readonly (Place | undefined)[]])[] = [
  [
    'README.md',
    '50 MB to 50 clients: longest block of the event loop',
    ['naive ws', 'Socket.IO', 'threadcast'].map(block),
  ],
  ['README.md', 'the same: p99 of small messages to 50 others', ['naive ws', 'Socket.IO', 'threadcast'].map(small)],
  [
    'README.md',
    '16 messages of 100 B a turn to 1,000: CPU of a delivery',
    ['naive ws', 'Socket.IO', 'threadcast'].map((who) => cpu(THOUSAND, '100 B, 16 per turn', who)),
  ],
  ['README.md', '16 KB, compressed, to 100: CPU of a delivery', ['naive ws', 'Socket.IO', 'threadcast'].map(packed)],
  [
    'docs/comparison.md',
    '50 MB to 50: longest block',
    [block('naive ws'), block('Socket.IO'), block('uWebSockets.js'), undefined, block('threadcast')],
  ],
  ...[
    ['1 KB to 10,000, one a turn: CPU, us', '1 KB, 1 per turn'],
    ['1 KB to 10,000, 16 a turn: CPU, us', '1 KB, 16 per turn'],
  ].map(([row = '', of = '']): (typeof QUOTES)[number] => [
    'docs/comparison.md',
    row,
    [
      cpu(MANY, of, 'naive ws'),
      cpu(MANY, of, 'Socket.IO'),
      cpu(MANY, of, 'uWebSockets.js'),
      undefined,
      cpu(MANY, of, 'threadcast'),
    ],
  ]),
  [
    'docs/comparison.md',
    'idle memory, 1,000 to 10,000 connections',
    [idle('naive ws'), idle('Socket.IO'), idle('uWebSockets.js'), undefined, idle('threadcast')],
  ],
  [
    'docs/comparison.md',
    'two nodes over Redis, p99 at 1,000 a second',
    [undefined, redis('socket.io'), undefined, undefined, redis('threadcast')],
  ],
  ['docs/scaling.md', 'memory of an idle connection that has joined', [idle('threadcast')]],
  ['docs/scaling.md', 'CPU of a delivery of 1 KB, one message a turn', [delivery]],
  ['docs/scaling.md', 'CPU of a connection that is made and joins', [made]],
  ['docs/scaling.md', "Redis's CPU for a message", [costOfRedis]],
  ['docs/scaling.md', 'joining 100,000 threads on one node, Redis', [joined]],
];

it.each(QUOTES)('%s quotes what docs/benchmarks.md has: %s', (page, row, places) => {
  const cells = cellsOf(read(page), row);
  expect(cells.length).toBeGreaterThanOrEqual(places.length);
  for (const [i, place] of places.entries()) {
    if (place === undefined) continue;
    const cell = cells[i] ?? '';
    expect(cell.split(' ')[0]).toBe(quotedAs(cell, measured(place)));
  }
});

it('sentences quote what docs/benchmarks.md has', () => {
  const whole = (place: Place): string => Math.round(measured(place)).toLocaleString('en');
  const tenth = (place: Place): string => (measured(place) + 1e-9).toFixed(1);
  expect(read('site/home.md')).toContain(
    `hold the event loop for ${whole(block('threadcast'))} ms at a time. A loop over ws holds it for ${whole(block('naive ws'))} ms.`,
  );
  const [ours, theirs] = ['threadcast', 'uWebSockets.js'].map((who) => tenth(cpu(THOUSAND, '100 B, 1 per turn', who)));
  expect(read('docs/comparison.md')).toMatch(
    new RegExp(
      `${theirs} us for a delivery of 100 B against ${ours}, ${tenth(idle('uWebSockets.js'))} KB for an idle connection against ${tenth(idle('threadcast'))}`,
    ),
  );
  const sampled = Math.round(measured(['## Telemetry', 'contender', 'SDK, 1 % sampled', 'over bare']));
  expect(read('docs/faq.md')).toContain(`${sampled} % with 1 % of the messages sampled`);
  const memory = Math.round(measured(idle('threadcast')));
  expect(read('docs/faq.md')).toContain(`Memory is about ${memory} KB for each`);
  expect(read('docs/deployment.md')).toContain(`A connection takes about ${memory} KB`);
});

it('docs/scaling.md compares the logs, and multiplies, with what docs/benchmarks.md has', () => {
  const page = read('docs/scaling.md');
  const cost = measured(costOfRedis);
  const perSecond = Math.floor(measured(durable('appends a second')) / 1_000);
  const [overRedis, overPostgres] = [redis('threadcast', 'p50 ms'), durable('p50 at 1000 a second, ms')].map(measured);
  expect(page).toContain(
    `[${overRedis} ms, p50 over two nodes](benchmarks.md#the-redis-log); ${cost / 1_000} ms of Redis's CPU`,
  );
  expect(page).toContain(`: ${perSecond},000 a second, ${overPostgres} ms, p50 over two nodes`);
  const thread = Number(/ and ([\d.]+) KB with a message of 200 characters and none/.exec(source)?.[1]);
  expect(cellsOf(page, 'memory of a thread that a process has open')[0]).toBe(`${Math.round(thread)} KB`);
  // what the examples say, from the inputs as they are quoted
  const quoted = (place: Place, digits = 0): number => Number(measured(place).toFixed(digits));
  const [memory, us, connect] = [quoted(idle('threadcast')), quoted(delivery, 1), quoted(made)];
  const [threads, join] = [Math.round(thread), Math.round(measured(joined) * 10)];
  const products: Readonly<Record<string, readonly [arithmetic: string, result: string]>> = {
    'memory of the connections': [
      `1,000,000 x ${memory} KB`,
      `${memory} GB in all, ${memory * 20} MB for each process`,
    ],
    'CPU of deliveries': [`100,000 x ${us} us`, `${us / 10} cores in all: ${(us / 5).toFixed(1)} % of each`],
    'CPU of the log in Redis': [`10,000 x ${cost} us`, `${(cost / 100).toFixed(1)} cores:`],
    'all clients return at once': [`1,000,000 x ${connect} us / 50`, `${(connect / 50).toFixed(1)} s of each core`],
    'open threads, over 50 processes': [`100,000 x ${threads} KB,`, `${threads / 10} GB in all`],
    'opening 100,000 threads after a restart, over 50 nodes': [
      `2,000 a node x ${join} us`,
      `${(join / 500).toFixed(1)} s of each node`,
    ],
  };
  for (const [row, [arithmetic, result]] of Object.entries(products)) {
    const [first = '', second = ''] = cellsOf(page, row);
    expect([row, first.slice(0, arithmetic.length)]).toEqual([row, arithmetic]);
    expect([row, second.slice(0, result.length)]).toEqual([row, result]);
  }
});

it('the charts are drawn before the tables that they are of', () => {
  const isTableFirst = (part: string): boolean => {
    const [table, chart] = [part.indexOf('\n| '), part.lastIndexOf('\n![')];
    return table >= 0 && chart >= 0 && chart > table;
  };
  expect(source.split(/^#{2,3} /m).filter(isTableFirst)).toEqual([]);
  const shown = [...source.matchAll(/\]\((benchmarks\/[\w-]+\.svg)\)/g)].map(([, file = '']) => read(`docs/${file}`));
  expect(shown.length).toBeGreaterThan(10);
  expect(shown.every((chart) => chart.includes('<rect '))).toBe(true);
});
