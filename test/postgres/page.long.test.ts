import { spawnSync } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, it, onTestFinished } from 'vitest';
import { createHub } from '../../src/index.ts';
import { postgresLog, postgresMigration, postgresSchema } from '../../src/postgres/index.ts';
import { Demo } from '../e2e/support/demo.ts';
import { blocksOf } from '../support/doc-blocks.ts';
import { PostgresServer } from '../support/postgres-server.ts';

/** In the package, so that the program imports `threadcast` by name. */
const folder = fileURLToPath(new URL('../../dist.doc-postgres/', import.meta.url));

it('the setup and the transaction of docs/postgres.md run as they stand', async () => {
  const server = await PostgresServer.start();
  onTestFinished(() => server.stop());
  await server.query(postgresSchema());
  await server.query('CREATE TABLE orders (id int)');
  const blocks = blocksOf('docs/postgres.md').map(({ code }) => code);
  const [setup, transaction] = ['createHub(', '{ transaction'].map((word) =>
    blocks.find((code) => code.includes(word)),
  );
  mkdirSync(folder, { recursive: true });
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  writeFileSync(
    `${folder}main.mjs`,
    `import pg from 'pg';
const pool = new pg.Pool({ connectionString: process.env.DATABASE_URL });
const order = { id: 17 };
${setup}${transaction}
const { messages } = await hub.thread('order:17').history();
console.log(JSON.stringify([receipt?.id === id, messages.map(({ data }) => data)]));
process.exit(0);
`,
  );
  const program = new Demo([], { DATABASE_URL: server.url }, new URL(`file://${folder}main.mjs`));
  onTestFinished(() => program.kill());
  const { code, output } = await program.ended;
  expect([code, output.trim()]).toEqual([0, '[true,[{"status":"new"}]]']);
  expect(await server.query('SELECT id FROM orders')).toEqual([{ id: 17 }]);
});

/** The command of the package, as `npx` runs it. */
const command = (...args: readonly string[]) =>
  spawnSync(
    process.execPath,
    [fileURLToPath(new URL('../../dist/postgres/print-schema.js', import.meta.url)), ...args],
    {
      encoding: 'utf8',
    },
  );

it('the printed schema goes through psql once; a second time it changes nothing, and says why', async () => {
  const server = await PostgresServer.start();
  onTestFinished(() => server.stop());
  const apply = (input: string) =>
    spawnSync('psql', ['--single-transaction', '-v', 'ON_ERROR_STOP=1', '-q', server.url], { input, encoding: 'utf8' });
  const { stdout, status } = command('--schema', 'chat');
  expect([status, stdout]).toEqual([0, postgresSchema('chat')]);
  expect(apply(stdout)).toMatchObject({ status: 0, stderr: '' });
  const send = async () => {
    const hub = createHub({ log: postgresLog({ url: server.url, schema: 'chat' }) });
    onTestFinished(() => hub.close());
    await hub.thread('t').send('hello');
    return (await hub.thread('t').history()).messages.length;
  };
  expect(await send()).toBe(1);
  const again = apply(stdout);
  expect(again.status).not.toBe(0);
  expect(again.stderr).toContain('already exists');
  expect(await send()).toBe(2);
  // the migration from the newest version
  const migration = command('--schema', 'chat', '--from', '1');
  expect([migration.status, migration.stdout]).toEqual([0, postgresMigration(1, 'chat')]);
  expect(apply(migration.stdout)).toMatchObject({ status: 0, stderr: '' });
  expect(await send()).toBe(3);
});

it.each([['--from', '7'], ['--from', 'x'], ['--schema', 'a;b'], ['--all']])(
  'refuses %s %s, and prints no SQL',
  (...args) => {
    const { status, stdout, stderr } = command(...args);
    expect([status, stdout]).toEqual([1, '']);
    expect(stderr).toContain('usage: threadcast-postgres-schema');
  },
);
