import { InvalidOptionError } from '../../errors.ts';
import { APPEND_FUNCTION } from './schema-append.ts';
import { OTHER_FUNCTIONS } from './schema-functions.ts';
import { OUTBOX_FUNCTIONS } from './schema-outbox.ts';
import { VALUE_FUNCTIONS } from './schema-values.ts';
import { checkSchema } from './schema-name.ts';

/** The version of the tables. A node refuses a schema of another version with `TC_LOG_LAYOUT`. */
export const LAYOUT = 1;

/** `~` stands for the schema, in all of these texts. */
const TABLES = `
CREATE SCHEMA IF NOT EXISTS ~;

-- one row: the version of these tables, and what the epochs of new threads are made from
CREATE TABLE ~.layout (
  version int NOT NULL,
  life text NOT NULL
);
INSERT INTO ~.layout VALUES (${LAYOUT}, replace(gen_random_uuid()::text, '-', ''));

-- the newest position of each thread; its entries are those with this log
CREATE SEQUENCE ~.logs;
CREATE TABLE ~.threads (
  thread text COLLATE "C" PRIMARY KEY,
  log bigint NOT NULL DEFAULT nextval('~.logs') UNIQUE,
  epoch text NOT NULL,
  head bigint NOT NULL DEFAULT 0,
  head_id text NOT NULL DEFAULT '',
  head_at bigint NOT NULL DEFAULT 0
) WITH (fillfactor = 70);

-- kind: m message, r replace, d remove, n notice. A dead entry keeps its place and its id; its bytes are erased
CREATE TABLE ~.entries (
  log bigint NOT NULL,
  pos bigint NOT NULL,
  id text COLLATE "C" NOT NULL,
  at bigint NOT NULL,
  kind "char" NOT NULL,
  live boolean NOT NULL,
  edited boolean NOT NULL DEFAULT false,
  header text NOT NULL,
  size int NOT NULL,
  body bytea,
  pieces text COLLATE "C",
  key text COLLATE "C",
  target text COLLATE "C",
  expires bigint,
  PRIMARY KEY (log, pos)
);
ALTER TABLE ~.entries ALTER COLUMN body SET STORAGE EXTERNAL;
CREATE UNIQUE INDEX entries_id ON ~.entries (log, id);
CREATE INDEX entries_key ON ~.entries (log, key) WHERE live AND key IS NOT NULL;
CREATE INDEX entries_target ON ~.entries (log, target) WHERE live AND target IS NOT NULL;

-- large messages in pieces, and those whose upload has begun
CREATE TABLE ~.pieces (
  name text COLLATE "C" NOT NULL,
  n int NOT NULL,
  data bytea NOT NULL,
  PRIMARY KEY (name, n)
);
ALTER TABLE ~.pieces ALTER COLUMN data SET STORAGE EXTERNAL;
CREATE TABLE ~.uploads (
  name text COLLATE "C" PRIMARY KEY,
  at bigint NOT NULL
);

-- logs of erased threads, whose rows are being deleted
CREATE TABLE ~.erased (log bigint PRIMARY KEY);

-- who is alive, and who is where: every node writes its part again after a crash of the server
CREATE UNLOGGED TABLE ~.nodes (
  node text COLLATE "C" PRIMARY KEY,
  at bigint NOT NULL
);
CREATE UNLOGGED TABLE ~.members (
  thread text COLLATE "C" NOT NULL,
  node text COLLATE "C" NOT NULL,
  hash text COLLATE "C" NOT NULL,
  member text NOT NULL,
  PRIMARY KEY (thread, node, hash)
);
CREATE INDEX members_node ON ~.members (node);
CREATE UNLOGGED TABLE ~.counts (
  thread text COLLATE "C" NOT NULL,
  node text COLLATE "C" NOT NULL,
  count int NOT NULL,
  PRIMARY KEY (thread, node)
);
CREATE INDEX counts_node ON ~.counts (node);

-- remembered answers; no answer yet: the node is at work
CREATE TABLE ~.answers (
  thread text COLLATE "C" NOT NULL,
  key text COLLATE "C" NOT NULL,
  node text COLLATE "C" NOT NULL,
  answer text,
  at bigint NOT NULL,
  PRIMARY KEY (thread, key)
);
CREATE INDEX answers_at ON ~.answers (at);

-- messages of the application's transactions; turn: the order of their commits
CREATE SEQUENCE ~.turns;
CREATE TABLE ~.outbox (
  seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  turn bigint NOT NULL DEFAULT 0,
  thread text COLLATE "C" NOT NULL,
  id text COLLATE "C" NOT NULL,
  header text NOT NULL,
  key text COLLATE "C",
  ttl bigint,
  body bytea NOT NULL,
  epoch text NOT NULL
);
CREATE INDEX outbox_thread ON ~.outbox (thread, turn);
CREATE INDEX outbox_turn ON ~.outbox (turn);

-- keyed values, the number of a thread's last change, and the last change of each node
CREATE TABLE ~.value_threads (
  thread text COLLATE "C" PRIMARY KEY,
  epoch text NOT NULL,
  revision bigint NOT NULL DEFAULT 0
);
CREATE TABLE ~.values (
  thread text COLLATE "C" NOT NULL,
  hash text COLLATE "C" NOT NULL,
  key text NOT NULL,
  json text NOT NULL,
  owner text,
  until bigint,
  size int NOT NULL,
  PRIMARY KEY (thread, hash)
);
CREATE TABLE ~.value_changes (
  thread text COLLATE "C" NOT NULL,
  node text COLLATE "C" NOT NULL,
  number bigint NOT NULL,
  at bigint NOT NULL,
  PRIMARY KEY (thread, node)
);
CREATE INDEX value_changes_at ON ~.value_changes (at);
`;

/**
 * The tables and functions of a Postgres log, as SQL for an empty schema. Run it once, in one transaction, as the role that the nodes
 * connect with: `npx threadcast-postgres-schema | psql --single-transaction "$DATABASE_URL"`.
 * @param schema the name of the schema, as `PostgresLogOptions.schema`
 * @throws InvalidOptionError (`TC_INVALID_OPTION`)
 */
export function postgresSchema(schema = 'threadcast'): string {
  const name = checkSchema(schema);
  return `${TABLES}${APPEND_FUNCTION}${OTHER_FUNCTIONS}${VALUE_FUNCTIONS}${OUTBOX_FUNCTIONS}`
    .replaceAll('~', name)
    .trimStart();
}

/** The first leads from version 1 of the tables to 2, and so on; `~` stands for the schema. Each ends with the new version in `~.layout`. */
const MIGRATIONS: readonly string[] = [];

/**
 * The SQL that makes the tables of this version from those of an older one. Run it once, in one transaction, while no node runs:
 * `npx threadcast-postgres-schema --from 1 | psql --single-transaction "$DATABASE_URL"`.
 * @param from the version of the tables, as `TC_LOG_LAYOUT` says it
 * @param schema the name of the schema, as `PostgresLogOptions.schema`
 * @throws InvalidOptionError (`TC_INVALID_OPTION`)
 */
export function postgresMigration(from: number, schema = 'threadcast'): string {
  const name = checkSchema(schema);
  if (!Number.isInteger(from) || from < 1 || from > LAYOUT)
    throw new InvalidOptionError({ option: 'from', value: from, expected: `a version of the tables, 1 to ${LAYOUT}` });
  const steps = MIGRATIONS.slice(from - 1).map((step) => step.replaceAll('~', name));
  return steps.length > 0 ? steps.join('') : `-- ${name} has version ${from}, which is the newest: nothing to do\n`;
}
