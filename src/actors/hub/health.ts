import type { Health, HealthReason } from '../../api/health.ts';
import type { HubState } from '../../api/hub.ts';
import type { HubStatus } from '../support/context.ts';
import type { Sources } from './stats.ts';

/** Whether the process works, and whether it should get new clients. */
export function healthOf(
  { context, connections }: Pick<Sources, 'context' | 'connections'>,
  state: HubState,
  { isLogUp }: Pick<HubStatus, 'isLogUp'>,
): Health {
  const { maxConnections, whenFull } = context.settings;
  const isFull = whenFull === 'reject' && connections.size >= maxConnections;
  const reasons: HealthReason[] = [];
  if (state !== 'running') reasons.push(state);
  if (!isLogUp) reasons.push('log');
  if (isFull) reasons.push('connections');
  return { live: state !== 'stopped', ready: reasons.length === 0, reasons };
}
