import { onTestFinished } from 'vitest';
import type { DeliveryLog } from '../../src/index.ts';
import { postgresLog, type PostgresLogOptions } from '../../src/postgres/index.ts';

/** A send gives up only where nothing comes at all, however busy the machine is. */
const QUICK: PostgresLogOptions = { timeoutMs: 30_000, commandTimeoutMs: 1_000, pollMs: 200 };

export function startLog(options: PostgresLogOptions): DeliveryLog {
  const log = postgresLog({ ...QUICK, ...options });
  onTestFinished(async () => log.close());
  return log;
}
