import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';
import { Sequencer } from './test/support/sequencer.ts';

/** What a tier runs: see test/README.md. Without one of these, as for one file by its name, there is everything. */
const TIERS: Readonly<Record<string, readonly string[]>> = {
  quick: ['units'],
  usual: ['units', 'built', 'sockets', 'databases', 'simulation', 'alone'],
  full: ['versions', 'proxies', 'long', 'simulation'],
};

const cores = availableParallelism();

/** For what computes: vitest's own default leaves one core idle, which on two is half the machine. */
const COMPUTES = { maxWorkers: cores, sequence: { groupOrder: 0 } };

/** For what waits most of its time, for other processes, lines and timeouts that are real. */
const WAITS = { maxWorkers: 2 * cores, sequence: { groupOrder: 1 } };

/** Its worker goes on with the next file of the group, its modules loaded: to load them takes longer than most files do. */
const SHARED = { isolate: false };

/** For a program that keeps real time by itself: beside many others on the same cores, a slow client of it would stand still. */
const ALONE = { maxWorkers: cores, sequence: { groupOrder: 2 } };
const ALONE_FILES = 'test/**/*.alone.test.ts';
const LONG_FILES = 'test/**/*.long.test.ts';

/** Each group by its files; `units` is what no other group has. */
const GROUPS = {
  // what `npm run build` leaves in dist, as a user imports it
  built: { include: ['test/**/*.built.test.ts'], ...COMPUTES },
  sockets: {
    include: ['test/**/*.sockets.test.ts', 'test/{abuse,e2e}/**/*.test.ts'],
    exclude: [ALONE_FILES, LONG_FILES, 'test/{ai,frameworks}/**'],
    ...SHARED,
    ...WAITS,
  },
  alone: { include: [ALONE_FILES], ...ALONE },
  databases: { include: ['test/{redis,postgres}/**/*.test.ts'], exclude: [LONG_FILES], ...SHARED, ...WAITS },
  /** What takes a core, or half a minute: only in the full tier. */
  long: { include: [LONG_FILES], ...WAITS },
  simulation: { include: ['test/{fuzz,model,sim}/**/*.test.ts'], ...COMPUTES },
  // with packages of its own: see test/ai/package.json; its browsers compute
  ai: { include: ['test/ai/**/*.test.ts'], ...COMPUTES },
  // likewise: see test/frameworks/package.json
  frameworks: { include: ['test/frameworks/*.test.ts'], ...WAITS },
  /** With suites of other projects, which are packages of their own. */
  conformance: { include: ['test/conformance/*.test.ts'], ...WAITS },
  // the folders to copy of examples, with packages of their own: see `test:templates`
  templates: { include: ['test/templates/**/*.test.ts'], ...WAITS },
  proxies: { include: ['test/proxies/**/*.test.ts'], ...WAITS },
  versions: { include: ['test/versions/**/*.test.ts'], ...WAITS },
};

const projects = [
  {
    name: 'units',
    include: ['test/**/*.test.ts'],
    // packages of a test's own bring tests
    exclude: ['**/node_modules/**', ...Object.values(GROUPS).flatMap(({ include }) => include)],
    ...SHARED,
    ...COMPUTES,
  },
  ...Object.entries(GROUPS).map(([name, group]) => ({ name, ...group })),
];
const { TEST_TIER = '', REDIS_DIR } = process.env;
const names = TIERS[TEST_TIER] ?? projects.map(({ name }) => name);

/** The tests of Redis run with the other major of its package, too: see test/redis/redis-6. */
const otherRedis =
  REDIS_DIR === undefined
    ? []
    : [
        {
          find: /^redis$/,
          replacement: fileURLToPath(new URL(`${REDIS_DIR}/node_modules/redis/dist/index.js`, import.meta.url)),
        },
      ];

export default defineConfig({
  resolve: { alias: otherRedis },
  test: {
    sequence: { sequencer: Sequencer },
    projects: projects.filter(({ name }) => names.includes(name)).map((test) => ({ extends: true, test })),
    // ends a test that waits for what never comes; what takes long on a busy machine is no failure
    testTimeout: 600_000,
    hookTimeout: 300_000,
    // a condition that is waited for comes when the machine gets to it: the test's own limit ends the wait
    expect: { poll: { timeout: 240_000 } },
    // heap bounds are measured after a collection
    execArgv: ['--expose-gc'],
  },
});
