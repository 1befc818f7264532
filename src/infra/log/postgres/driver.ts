import { asError, InvalidOptionError } from '../../errors.ts';

/** Rows of an answer, by the names of their columns. */
export type Row = Readonly<Record<string, unknown>>;

/** A statement; with a name, each connection prepares it once. */
export interface PgStatement {
  readonly name?: string;
  readonly text: string;
  readonly values: readonly unknown[];
}

/** What the log uses of the npm package `pg`, which brings no types of its own. */
export interface PgQueryable {
  query(statement: PgStatement): Promise<{ readonly rows: readonly Row[] }>;
  query(text: string, values?: readonly unknown[]): Promise<{ readonly rows: readonly Row[] }>;
}

export interface PgClient extends PgQueryable {
  connect(): Promise<unknown>;
  end(): Promise<void>;
  on(event: 'error', listener: (error: Error) => void): unknown;
  on(event: 'end', listener: () => void): unknown;
  on(event: 'notification', listener: (notice: { readonly payload?: string | undefined }) => void): unknown;
}

export interface PgPool extends PgQueryable {
  end(): Promise<void>;
  on(event: 'error', listener: (error: Error) => void): unknown;
}

export interface PgDriver {
  readonly Client: new (options: object) => PgClient;
  readonly Pool: new (options: object) => PgPool;
}

/** @throws InvalidOptionError if the package is not installed */
export async function loadDriver(): Promise<PgDriver> {
  // not a literal: the package is optional, and neither the compiler nor a bundler may require it
  const name: string = 'pg';
  try {
    const module: unknown = await import(name);
    const driver = isRecord(module) && isRecord(module.default) ? module.default : module;
    if (isDriver(driver)) return driver;
    throw new Error('it has no Client and Pool');
  } catch (error) {
    throw new InvalidOptionError({
      option: 'log',
      expected: `the npm package pg 8, which postgresLog() needs (${asError(error).message})`,
      value: undefined,
    });
  }
}

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null;

const isDriver = (value: unknown): value is PgDriver =>
  (isRecord(value) || typeof value === 'function') &&
  typeof Reflect.get(value, 'Client') === 'function' &&
  typeof Reflect.get(value, 'Pool') === 'function';

/** SQLSTATEs of a refusal that passes: no connection, a failover, too many clients, a deadlock, a timeout, a full disk. */
const PASSING = /^(08|25006|40|53|55P03|57|58|XX|TC001)/;

/** Postgres itself refused, and will refuse again; every other error is trouble on the way, or passes. */
export function isFinalAnswer(error: unknown): boolean {
  const code: unknown = isRecord(error) ? error.code : undefined;
  return typeof code === 'string' && /^[0-9A-Z]{5}$/.test(code) && !PASSING.test(code) && isServers(error);
}

/** An error of the server has a severity; one of the socket has a code as well, such as `EPIPE`. */
const isServers = (error: unknown): boolean => isRecord(error) && typeof error.severity === 'string';

export const textOf = (value: unknown): string => (typeof value === 'string' ? value : '');

/** A `bigint` comes as a text. */
export const numberOf = (value: unknown): number =>
  value === null || value === undefined ? Number.NaN : Number(value);
