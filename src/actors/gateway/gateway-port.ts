import type { RefusedHandshake } from '../../api/events.ts';
import type { Link, LinkListener } from '../../api/socket.ts';
import type { AskedOnce } from '../connection/asked-once.ts';
import type { ConnectionActor } from '../connection/connection.ts';
import type { InputBudgets } from '../connection/input-budgets.ts';
import type { ValueServices } from '../values/value-changes.ts';
import type { ConnectionSettings } from '../connection/resolve-accept-options.ts';

/** What a gateway needs from its hub, besides the shared context. */
export interface GatewayPort {
  readonly budgets: InputBudgets;
  /** Asks the application about what clients publish. */
  readonly publications: AskedOnce;
  /** For clients that set values by a request. */
  readonly values: ValueServices;
  /** @throws TooManyConnectionsError */
  assertRoom(userId: string | undefined): void;
  accept(makeLink: (listener: LinkListener) => Link, settings: ConnectionSettings): ConnectionActor;
  /**
   * Looks for a place for one more connection of the user by ending dead ones. Resolves when there is a place, or when there can be none.
   */
  makeRoom(userId: string, signal: AbortSignal): Promise<void>;
  /** A handshake was refused: it is counted, and becomes a `refused` event. */
  refused(news: RefusedHandshake): void;
}
