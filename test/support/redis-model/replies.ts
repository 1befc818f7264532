import { ErrorReply } from 'redis';

/** What Redis answers. A string has a character for each byte. */
export type Reply = number | string | null | Status | Failure | readonly Reply[];

/** A simple string, as `OK`. */
export class Status {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

/** An error, with its code first. */
export class Failure {
  readonly message: string;

  constructor(message: string) {
    this.message = message;
  }
}

export const OK = new Status('OK');

/**
 * A reply as the `redis` client gives it.
 * @param bulk what it makes of a string
 * @throws ErrorReply
 */
export function given(reply: Reply, bulk: (text: string) => unknown): unknown {
  if (reply instanceof Failure) throw new ErrorReply(reply.message);
  if (reply instanceof Status) return reply.text;
  if (typeof reply === 'string') return bulk(reply);
  if (Array.isArray(reply)) return reply.map((each) => given(each, bulk));
  return reply;
}
