import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createHub } from 'threadcast';
import { FakeLink, logContract, VirtualClock } from 'threadcast/testing';
import { afterAll, expect, test } from 'vitest';
// the built package, as its users import it
import { sqliteLog } from '../../examples/sqlite-log.ts';

const folder = mkdtempSync(join(tmpdir(), 'threadcast-sqlite-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

let files = 0;
const newFile = (): string => join(folder, `${++files}.db`);

logContract('the log of docs/logs.md', {
  test,
  makeNodes: ([clock]) => {
    const log = sqliteLog(newFile(), clock);
    // the end of a node is not the log's
    return [{ ...log, close: () => {} }, log];
  },
  without: ['notify', 'presence', 'answers', 'values'],
  canCrash: false,
});

test('the log of docs/logs.md is the one that is compiled and run, and has eighty lines', () => {
  const code = readFileSync(new URL('../../examples/sqlite-log.ts', import.meta.url), 'utf8');
  expect(readFileSync(new URL('../../docs/logs.md', import.meta.url), 'utf8')).toContain(`\`\`\`ts\n${code}\`\`\``);
  expect(code.trimEnd().split('\n').length).toBeLessThanOrEqual(80);
});

test('the log of docs/logs.md has after a restart what it had before: clients resume, edits hold, what was removed is erased', async () => {
  const clock = new VirtualClock();
  const file = newFile();
  const first = createHub({ clock, log: sqliteLog(file, clock) });
  const thread = first.thread('t');
  const texts = ['one', 'two', 'secret', 'late'];
  const sent = texts.map((text) => thread.send(text, text === 'late' ? { expiresInMs: 60_000 } : {}));
  await clock.settle();
  const [one, two, three] = await Promise.all(sent);
  const edit = thread.send('two, edited', { replaces: two?.id });
  const removal = thread.remove(three?.id ?? '');
  await clock.settle();
  await Promise.all([edit, removal]);
  const closed = first.close();
  await clock.advance(1_000);
  await closed;
  const bytes = readFileSync(file);
  expect(['two, edited', '"two"', 'secret'].filter((text) => bytes.includes(text))).toEqual(['two, edited']);

  const again = createHub({ clock, log: sqliteLog(file, clock) });
  const link = new FakeLink();
  const connection = again.accept(link.attach, { userId: 'ada' });
  await connection.join('t', { from: one?.position });
  await clock.settle();
  expect(link.messages).toMatchObject([
    { t: 'hello' },
    { t: 'joined' },
    { t: 'msg', d: 'two, edited' },
    { t: 'msg', d: 'late' },
  ]);
  await clock.advance(60_000);
  const page = again.thread('t').history();
  await clock.settle();
  expect((await page).messages).toMatchObject([{ data: 'one' }, { data: 'two, edited' }]);
  const end = again.close();
  await clock.advance(1_000);
  await end;
});
