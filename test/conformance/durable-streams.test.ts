import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { blocksOf } from '../support/doc-blocks.ts';

const SUITE = new URL('suite/', import.meta.url).pathname;

/**
 * The groups about reading, and those that write only in order to read. Left out are the groups about what only a writer, or the server of a
 * whole stream, does: TTL and expiry, idempotent producers, closing, forks, subscriptions. A thread has none of these by that protocol.
 */
const GROUPS = [
  'Basic Stream Operations',
  'Append Operations',
  'Read Operations',
  'Long-Poll Operations',
  'HTTP Protocol',
  'Browser Security Headers',
  'Case-Insensitivity',
  'Content-Type Validation',
  'HEAD Metadata',
  'Offset Validation and Resumability',
  'Protocol Edge Cases',
  'Long-Poll Edge Cases',
  'Caching and ETag',
  'Chunking and Large Payloads',
  'Read-Your-Writes Consistency',
  'SSE Mode',
  'JSON Mode',
  'Property-Based Tests',
];

/** About `Stream-Seq`, with which a writer is refused, and `Stream-TTL`: the test's server does not have them. */
const OF_WRITERS = [
  'out-of-order seq values are rejected',
  'should enforce case-sensitive seq ordering',
  'should enforce lexicographic seq ordering ("2" then "10" rejects)',
  'should enforce sequence ordering',
  'should enforce sequence ordering with seq',
  'should reject duplicate seq values',
  'should return TTL metadata if configured',
];

interface Report {
  readonly testResults: readonly { readonly assertionResults: readonly { title: string; status: string }[] }[];
}

let server: ChildProcess;
let url = '';
let dir = '';

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'threadcast-conformance-'));
  const program = new URL('server.ts', import.meta.url).pathname;
  server = spawn(process.execPath, [program], { stdio: ['ignore', 'pipe', 'inherit'] });
  if (server.stdout === null) throw new Error('no output');
  for await (const line of createInterface(server.stdout)) {
    url = line;
    break;
  }
});

afterAll(async () => {
  server.kill();
  await rm(dir, { recursive: true });
});

it('the read half of Durable Streams passes the suite of the protocol', async () => {
  const outputFile = join(dir, 'report.json');
  const program = join(SUITE, 'node_modules/vitest/vitest.mjs');
  const pattern = `^(${GROUPS.join('|')})`;
  const args = [program, 'run', '-t', pattern, '--reporter=json', `--outputFile=${outputFile}`];
  const env = { PATH: process.env['PATH'], CONFORMANCE_TEST_URL: url };
  await new Promise<void>((resolve) => {
    // it ends with 1 for the tests of writers
    execFile(process.execPath, args, { cwd: SUITE, env, timeout: 500_000 }, () => resolve());
  });
  const report: Report = JSON.parse(await readFile(outputFile, 'utf8'));
  const tests = report.testResults.flatMap(({ assertionResults }) => assertionResults);
  const titlesOf = (wanted: string): string[] =>
    tests.flatMap(({ title, status }) => (status === wanted ? title : [])).toSorted();
  expect(titlesOf('failed')).toEqual(OF_WRITERS);
  expect(titlesOf('passed').length).toBeGreaterThanOrEqual(140);
});

it('the client of Durable Streams reads a thread as docs/http.md shows it', async () => {
  const block = blocksOf('docs/http.md').find(({ code }) => code.includes('@durable-streams/client'));
  const stream = `${url}/v1/stream/docs`;
  await fetch(stream, {
    method: 'PUT',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify([{ text: 'one' }, { text: 'two' }]),
  });
  const code = block?.code.replace('https://example.org/chat/room-42/stream', stream) ?? '';
  // in the suite's package, which has the client
  const program = join(SUITE, 'node_modules/docs-block.mjs');
  await writeFile(
    program,
    `let left = 2;\nconst show = ({ text }) => (console.log(text), --left || process.exit());\n${code}`,
  );
  const { stdout } = await promisify(execFile)(process.execPath, [program], { timeout: 500_000 });
  expect(stdout).toBe('one\ntwo\n');
});
