export { postgresLog } from '../infra/log/postgres/postgres-log.ts';
export { postgresMigration, postgresSchema } from '../infra/log/postgres/schema.ts';
export type { PostgresLogOptions } from '../infra/log/postgres/options.ts';
