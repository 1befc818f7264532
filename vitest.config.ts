import { defineConfig } from 'vitest/config';

/** What a tier runs: see test/README.md. Without one of these, as for one file by its name, there is everything. */
const TIERS: Readonly<Record<string, readonly string[]>> = {
  quick: ['units'],
  usual: ['units', 'sockets', 'databases', 'simulation'],
};

/** Each group by its files; `units` is what no other group has. */
const GROUPS = {
  sockets: ['test/**/*.sockets.test.ts', 'test/{abuse,e2e}/**/*.test.ts'],
  databases: ['test/redis/**/*.test.ts'],
  simulation: ['test/{model,sim}/**/*.test.ts'],
  versions: ['test/versions/**/*.test.ts'],
};

const projects = [
  // a unit has no process, global or memory of its own: its worker goes on with the next file, its modules loaded
  { name: 'units', include: ['test/**/*.test.ts'], exclude: Object.values(GROUPS).flat(), isolate: false },
  ...Object.entries(GROUPS).map(([name, include]) => ({ name, include })),
];
const { TEST_TIER = '' } = process.env;
const names = TIERS[TEST_TIER] ?? projects.map(({ name }) => name);

export default defineConfig({
  test: {
    projects: projects.filter(({ name }) => names.includes(name)).map((test) => ({ extends: true, test })),
    // ends a test that waits for what never comes; what takes long on a busy machine is no failure
    testTimeout: TEST_TIER === 'full' ? 600_000 : 60_000,
    hookTimeout: 60_000,
    // a condition that is waited for comes when the machine gets to it: the test's own limit ends the wait
    expect: { poll: { timeout: 25_000 } },
    // heap bounds are measured after a collection
    execArgv: ['--expose-gc'],
  },
});
