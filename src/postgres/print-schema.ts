#!/usr/bin/env node
import { parseArgs } from 'node:util';
import { postgresMigration, postgresSchema } from '../infra/log/postgres/schema.ts';

/** Prints the tables of a Postgres log, or their migration: `npx threadcast-postgres-schema [--schema name] [--from version] | psql --single-transaction "$DATABASE_URL"`. */
// a `psql` that could not connect says so itself
process.stdout.on('error', () => {});
try {
  const { values } = parseArgs({ options: { schema: { type: 'string' }, from: { type: 'string' } } });
  const { schema, from } = values;
  process.stdout.write(from === undefined ? postgresSchema(schema) : postgresMigration(Number(from), schema));
} catch (error) {
  // psql must get nothing, and its user a line instead of a stack
  process.stderr.write(
    `${error instanceof Error ? error.message : String(error)}\nusage: threadcast-postgres-schema [--schema name] [--from version]\n`,
  );
  process.exitCode = 1;
}
