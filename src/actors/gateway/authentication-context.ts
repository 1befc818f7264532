import type { Handshake } from '../../infra/socket/handshake.ts';

/** What `authenticate` is given besides the request. The signal is made when the application reads it. */
export class AuthenticationContext {
  readonly #handshake: Handshake;

  constructor(handshake: Handshake) {
    this.#handshake = handshake;
  }

  get signal(): AbortSignal {
    return this.#handshake.signal;
  }
}
