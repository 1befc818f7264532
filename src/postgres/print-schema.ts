#!/usr/bin/env node
import { parseArgs } from 'node:util';
import { postgresSchema } from '../infra/log/postgres/schema.ts';

/** Prints the tables of a Postgres log: `npx threadcast-postgres-schema [--schema name] | psql --single-transaction "$DATABASE_URL"`. */
const { values } = parseArgs({ options: { schema: { type: 'string' } } });
process.stdout.write(postgresSchema(values.schema));
