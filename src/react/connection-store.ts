import type { Client, ClientState, SignIn } from '../client/index.ts';
import { Store } from './store.ts';

/** The state of the connection. */
export interface ConnectionView {
  /** `closed` also where the provider has no client, as on a server. */
  readonly state: ClientState;
  /** False while the server cannot reach its log; see `Client.isLogUp`. */
  readonly isLogUp: boolean;
  /** Why the user must sign in; undefined if they need not. */
  readonly signIn: SignIn | undefined;
  /** With `waiting`: milliseconds from the loss of the connection to the next attempt. */
  readonly retryInMs: number | undefined;
}

export const NO_CONNECTION: ConnectionView = {
  state: 'closed',
  isLogUp: true,
  signIn: undefined,
  retryInMs: undefined,
};

export class ConnectionStore extends Store<ConnectionView> {
  readonly #client: Client;
  #stops: (() => void)[] = [];
  #signIn: SignIn | undefined;
  #retryInMs: number | undefined;

  constructor(client: Client) {
    super({ ...NO_CONNECTION, state: client.state, isLogUp: client.isLogUp });
    this.#client = client;
  }

  protected override begin(): void {
    const client = this.#client;
    this.#stops = [
      client.on('state', ({ retryInMs }) => {
        this.#retryInMs = retryInMs;
        this.changed();
      }),
      client.on('log', () => this.changed()),
      client.on('signIn', (signIn) => {
        this.#signIn = signIn;
        this.changed();
      }),
    ];
    // what happened before the first subscriber
    const { state, isLogUp } = this.getSnapshot();
    if (state !== client.state || isLogUp !== client.isLogUp) this.changed();
  }

  protected override end(): void {
    for (const stop of this.#stops) stop();
    this.#stops = [];
  }

  protected override take(): ConnectionView {
    const { state, isLogUp } = this.#client;
    return { state, isLogUp, signIn: this.#signIn, retryInMs: this.#retryInMs };
  }
}
