import type { LogValues } from '../../api/log-values.ts';
import { LogUnsupportedError } from '../../infra/errors.ts';
import type { HubContext } from '../support/context.ts';
import { valueJson } from './resolve-values-options.ts';
import type { ValueOwners } from './value-owners.ts';

/** What the values of a hub's threads share. */
export interface ValueServices extends Pick<HubContext, 'settings' | 'counters' | 'status'> {
  readonly owners: ValueOwners;
  /** Whether the hub has a connection with this id, which has not ended. */
  readonly isConnected: (connectionId: string) => boolean;
}

/** A value that the application or a client sets. */
interface SetValue {
  readonly threadId: string;
  readonly key: string;
  readonly value: unknown;
  readonly ttlMs: number | undefined;
  /** The id of a connection that exists. */
  readonly owner: string | undefined;
}

/** @throws LogUnsupportedError */
export function valuesOf({ settings }: Pick<ValueServices, 'settings'>): LogValues {
  const { values } = settings.log;
  if (values === undefined) throw new LogUnsupportedError('values');
  return values;
}

/** @throws UnserializableMessageError, ValueLimitError, LogUnavailableError, LogUnsupportedError */
export async function setValue(
  { threadId, key, value, ttlMs, owner }: SetValue,
  services: ValueServices,
): Promise<void> {
  const { settings, counters, owners } = services;
  const log = valuesOf(services);
  const json = valueJson(value, { threadId, key }, settings.values);
  if (owner !== undefined) owners.own(owner, threadId);
  await log.set(threadId, { key, json, owner, ttlMs }, settings.values);
  counters.valueChanges++;
}

/** @throws LogUnavailableError, LogUnsupportedError */
export async function deleteValue(threadId: string, key: string, services: ValueServices): Promise<boolean> {
  const wasThere = await valuesOf(services).delete(threadId, key);
  if (wasThere) services.counters.valueChanges++;
  return wasThere;
}
