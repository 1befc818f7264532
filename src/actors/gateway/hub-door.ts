import type { HubContext } from '../support/context.ts';
import { hiddenField } from '../support/hidden-field.ts';
import type { ConnectionActor } from '../connection/connection.ts';
import type { GatewayPort } from './gateway-port.ts';

/** What a way into the hub needs from it, besides WebSocket handshakes. */
export interface HubDoor {
  readonly context: HubContext;
  readonly port: GatewayPort;
  /** A connection that has not ended. */
  connection(id: string): ConnectionActor | undefined;
}

const doors = hiddenField<HubDoor>();

export function openDoor(hub: object, door: HubDoor): void {
  doors.set(hub, door);
}

/** Undefined for what is no hub of `createHub`, of this copy of the library. */
export function doorOf(hub: unknown): HubDoor | undefined {
  return typeof hub === 'object' && hub !== null ? doors.of(hub) : undefined;
}
