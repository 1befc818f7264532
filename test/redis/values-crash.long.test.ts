import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, it, onTestFinished } from 'vitest';
import { createHub } from '../../src/index.ts';
import { FakeLink } from '../../src/testing/index.ts';
import { framesOf } from '../support/harness.ts';
import { startLog, startRedis, until } from '../support/redis-nodes.ts';

/** What a client has of the thread's values. */
function viewOf(link: FakeLink): ReadonlySet<string> {
  const keys = new Set<string>();
  for (const { all, l } of framesOf(link, 'vals')) {
    if (all === true) keys.clear();
    for (const [key, ...value] of Array.isArray(l) ? l : []) {
      if (value.length > 0) keys.add(key);
      else keys.delete(key);
    }
  }
  return keys;
}

it('what the connections of a killed process own is gone within fifteen seconds, and stays so', async () => {
  const server = await startRedis();
  const hub = createHub({ log: startLog({ url: server.url }) });
  onTestFinished(() => hub.close());
  const link = new FakeLink();
  const connection = hub.accept(link.attach, { authorize: () => true });
  link.say({ t: 'join', th: 't', values: true });
  const script = fileURLToPath(new URL('./fixtures/values-node.ts', import.meta.url));
  const node = spawn(process.execPath, [script, server.url], { stdio: 'inherit' });
  onTestFinished(() => void node.kill('SIGKILL'));
  await until(() => viewOf(link).size === 101);
  node.kill('SIGKILL');
  const killedAt = performance.now();
  // one key gets another owner meanwhile
  await hub.thread('t').values.set('own1', 'mine', { connection });
  await until(() => viewOf(link).size === 2);
  expect(performance.now() - killedAt).toBeLessThan(20_000);
  expect([...viewOf(link)].toSorted()).toEqual(['kept', 'own1']);
  expect(new Map(await hub.thread('t').values.entries())).toEqual(
    new Map<string, unknown>([
      ['kept', 1],
      ['own1', 'mine'],
    ]),
  );
});
