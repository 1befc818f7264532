import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, it, onTestFinished } from 'vitest';
import { postgresSchema } from '../../src/postgres/index.ts';
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
  const [setup, transaction] = blocksOf('docs/postgres.md').map(({ code }) => code);
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
