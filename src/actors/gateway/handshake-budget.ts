import type { IncomingMessage } from 'node:http';
import { checkText } from '../../infra/option-checks.ts';
import { clientNetwork } from '../../infra/socket/client-address.ts';
import type { InputBudgets, Payer } from '../connection/input-budgets.ts';
import { costs } from '../connection/input-costs.ts';
import type { GatewaySettings } from './resolve-attach-options.ts';

/** Charges handshakes to their address, and to their user once that is known. */
export class HandshakeBudget {
  readonly #budgets: InputBudgets;
  readonly #clientAddress: GatewaySettings['clientAddress'];

  constructor(budgets: InputBudgets, { clientAddress }: GatewaySettings) {
    this.#budgets = budgets;
    this.#clientAddress = clientAddress;
  }

  /** The address that counts for the limit by address, if any. */
  addressOf(request: IncomingMessage): string | undefined {
    const address = checkText('clientAddress()', this.#clientAddress(request));
    return address === undefined ? undefined : clientNetwork(address);
  }

  /** False if nothing is left. */
  take(payer: Partial<Payer>): boolean {
    return this.#budgets.charge({ userId: undefined, address: undefined, ...payer }, costs.handshake);
  }
}
