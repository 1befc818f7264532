import { STATUS_CODES } from 'node:http';

/** Why an application turns a client away: not signed in, not allowed, too often, or not now. */
export type RefusalStatus = 401 | 403 | 429 | 503;

/** An answer instead of the 101. */
export class Refusal {
  /** HTTP status. */
  readonly status: number;
  /** The body, as plain text. */
  readonly message: string;

  constructor(status: number, message: string = STATUS_CODES[status] ?? '') {
    this.status = status;
    this.message = message;
  }
}

/**
 * What `authenticate` returns to turn a client away.
 * @param status 401 unauthorized, 403 forbidden, 429 too many requests, 503 unavailable
 * @param message for the body; browsers show it to nobody. Default: the name of the status
 */
export function refuse(status: RefusalStatus, message?: string): Refusal {
  return new Refusal(status, message);
}
