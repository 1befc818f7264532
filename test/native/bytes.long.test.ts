import { execFile } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, it } from 'vitest';

const run = promisify(execFile);
const folder = mkdtempSync(join(tmpdir(), 'threadcast-native-'));
const BUILD = new URL('../../native/build.js', import.meta.url).pathname;
const BYTES = new URL('fixtures/bytes.ts', import.meta.url).pathname;

/** Ends a run that hangs. Each ends by the frames and sockets that it had, or by what it found; how soon is the machine's business. */
const MOST_SECONDS = 500;

/** What one run of `fixtures/bytes.ts` says. */
interface Outcome {
  readonly isWhole: boolean;
  readonly sender: string;
  readonly nativeWrites: number;
  readonly frames: number;
  readonly failed?: string;
}

/** Builds of the addon: with injected faults, and sabotaged. */
async function build(name: string, ...flags: string[]): Promise<string> {
  const out = join(folder, `${name}.node`);
  await run(process.execPath, [BUILD, ...flags, '--out', out]);
  return out;
}

interface Wanted {
  readonly frames: number;
  readonly clients?: number;
  readonly sockets?: number;
  readonly leaveMs?: number;
}

async function check(wanted: Wanted, env: Record<string, string>): Promise<Outcome> {
  const { frames, clients = 60, sockets = 0, leaveMs = 700 } = wanted;
  const options = { env: { ...process.env, THREADCAST_SENDER: 'native', ...env } };
  const running = run(
    process.execPath,
    ['--expose-gc', BYTES, ...[frames, clients, MOST_SECONDS, sockets, leaveMs].map(String)],
    options,
  );
  // a run that has found something ends with 1
  const { stdout } = await running.catch((error: { stdout: string }) => error);
  const outcome: Outcome = JSON.parse(stdout);
  return outcome;
}

/** 1,000,000 frames: `node test/native/fixtures/bytes.ts 1000000 200 3600`; 100,000 sockets: `… 0 60 3600 100000 10`. */
const FEW = { frames: 5_000 };

/** Sockets that close while others open, so that a descriptor's number soon means another one. */
const RESTLESS = { frames: 0, sockets: 10_000, leaveMs: 10 };

describe('every byte of every client, while connections come and go', () => {
  it('with the addon as it is', async () => {
    const outcome = await check(FEW, {});
    expect(outcome).toMatchObject({ isWhole: true, sender: 'native' });
    expect(outcome.nativeWrites).toBeGreaterThan(100);
  });

  it('under AddressSanitizer, which is preloaded into Node, with injected faults', async () => {
    const { stdout } = await run(process.env['CC'] ?? 'cc', ['-print-file-name=libasan.so']);
    const env = {
      THREADCAST_NATIVE_BINARY: await build('address', '--faults', '--sanitize', 'address'),
      LD_PRELOAD: stdout.trim(),
      // at the end of a process, Node frees little
      ASAN_OPTIONS: 'detect_leaks=0',
    };
    const outcome = await check(FEW, env);
    expect(outcome).toMatchObject({ isWhole: true, sender: 'native' });
    expect(outcome.nativeWrites).toBeGreaterThan(100);
  });

  it('with a slow thread, sockets that take a part or nothing, and errors', async () => {
    const outcome = await check(FEW, { THREADCAST_NATIVE_BINARY: await build('faults', '--faults') });
    expect(outcome).toMatchObject({ isWhole: true, sender: 'native' });
    expect(outcome.nativeWrites).toBeGreaterThan(100);
  });
});

describe('what the test of bytes must find', () => {
  let faulty = '';
  beforeAll(async () => {
    faulty = await build('faulty', '--faults');
  });

  it('flights that count as landed before they are sent', async () => {
    const sabotaged = await build('early', '--faults', '--sabotage', 'early-landing');
    expect((await check(FEW, { THREADCAST_NATIVE_BINARY: sabotaged })).failed).toBeTypeOf('string');
  });

  it('descriptors that are not duplicated', async () => {
    const sabotaged = await build('own', '--faults', '--sabotage', 'no-duplicates');
    expect((await check(RESTLESS, { THREADCAST_NATIVE_BINARY: sabotaged })).failed).toBeTypeOf('string');
  });

  it('sockets without a gate', async () => {
    expect((await check(FEW, { THREADCAST_NATIVE_BINARY: faulty, UNGATED: '1' })).failed).toBeTypeOf('string');
  });
});
