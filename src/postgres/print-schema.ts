#!/usr/bin/env node
import { parseArgs } from 'node:util';
import { postgresSchema } from '../infra/log/postgres/schema.ts';

/** Prints the tables of a Postgres log: `npx threadcast-postgres-schema [--schema name] | psql --single-transaction "$DATABASE_URL"`. */
// a `psql` that could not connect says so itself
process.stdout.on('error', () => {});
try {
  const { values } = parseArgs({ options: { schema: { type: 'string' } } });
  process.stdout.write(postgresSchema(values.schema));
} catch (error) {
  // psql must get nothing, and its user a line instead of a stack
  process.stderr.write(
    `${error instanceof Error ? error.message : String(error)}\nusage: threadcast-postgres-schema [--schema name]\n`,
  );
  process.exitCode = 1;
}
