import { defineConfig } from 'vitest/config';

/** Real sockets and processes, databases, browsers, and what runs for long by intent: not in `npm run test:quick`. */
const NOT_QUICK = ['test/**/*.sockets.test.ts', 'test/{abuse,e2e,model,redis,sim}/**'];

const isQuick = process.env['TEST_TIER'] === 'quick';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    exclude: isQuick ? NOT_QUICK : [],
    // ends a test that waits for what never comes; what takes long on a busy machine is no failure
    testTimeout: 60_000,
    hookTimeout: 60_000,
    // a condition that is waited for comes when the machine gets to it: the test's own limit ends the wait
    expect: { poll: { timeout: 25_000 } },
    // heap bounds are measured after a collection
    execArgv: ['--expose-gc'],
  },
});
