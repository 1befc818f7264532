import { afterEach, expect, it } from 'vitest';
import { Demo, publishedCount } from './support/demo.ts';

let demo: Demo | undefined;
afterEach(() => demo?.kill());

/** The cells of one row of the summary table, by the names of its columns. */
function rowOf(output: string, kind: string): Record<string, string> {
  const lines = output.split('\n').map((line) => line.trim().split(/ {2,}/));
  const names = lines.find(([first]) => first === 'clients') ?? [];
  const [, ...cells] = lines.find(([first]) => first === kind) ?? [];
  return Object.fromEntries(names.map((name, i) => [name, cells[i] ?? '']));
}

it('plays once and exits 0 when every healthy client got every message exactly once and in order', async () => {
  demo = new Demo(['--once', '--healthy=2', '--slow=1', '--stopped=1', '--speed=2']);
  const { code, output } = await demo.ended;
  const count = await publishedCount();
  expect(output).toContain(`OK: all 2 healthy clients received all ${count} messages exactly once and in order`);
  const flawless = { dup: '0', missing: '0', disorder: '0', damaged: '0', gaps: '0' };
  expect(rowOf(output, 'healthy')).toMatchObject({ ...flawless, clients: '2', exact: '2', received: `${2 * count}` });
  // how much comes as it is said, and how much with the final message, is the machine's business
  expect(Number(rowOf(output, 'healthy')['streamed'])).toBeGreaterThan(0);
  // a slow machine may have it evicted, which costs it nothing; that a slow line alone does not: test/socket/lines
  expect(rowOf(output, 'slow')).toMatchObject({ ...flawless, clients: '1', exact: '1' });
  // evicted while it did not read, and yet nothing is lost: it resumed where it had stopped
  const stopped = rowOf(output, 'stopped');
  expect(stopped).toMatchObject({ ...flawless, exact: '1' });
  expect([stopped['evicted'], stopped['resumed']].map(Number).every((times) => times >= 1)).toBe(true);
  expect(output).toMatch(/evicted +stopped-1: 4408 slow consumer, after \d+\.\d s/);
  expect(output).toMatch(/longest event-loop block +\d+\.\d ms/);
  expect(output).toMatch(/bytes delivered +2\d\d\.\d MB/);
  expect(code).toBe(0);
});

it('exits 1 when a healthy client has not got every message', async () => {
  demo = new Demo(['--once', '--healthy=3', '--slow=0', '--stopped=0', '--speed=5', '--small', '--forget-one']);
  const { code, output } = await demo.ended;
  expect(rowOf(output, 'healthy')).toMatchObject({ clients: '3', exact: '2', missing: '1', dup: '0', disorder: '0' });
  expect(output).toContain('FAILED: 2 of 3 healthy clients received all');
  expect(code).toBe(1);
});

it('refuses what it does not know, and says what it knows', async () => {
  demo = new Demo(['--healthy=many']);
  const { code, output } = await demo.ended;
  expect(output).toContain('demo: --healthy must be a number from 0 to 1000');
  expect(output).toContain('--forget-one');
  expect(code).toBe(1);
});
