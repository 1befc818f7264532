import { STATUS_CODES } from 'node:http';

/** Why an application refuses a client: not signed in, not allowed, too often, or not now. */
export type RefusalStatus = 401 | 403 | 429 | 503;

/** A refusal instead of the 101. */
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
