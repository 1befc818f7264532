import type { DeliveryWatcher } from '../../infra/log/entry.ts';

/**
 * What happened to one message at single connections, beyond the count of those that it was written to. There from before the message is
 * logged: a log elsewhere may bring it, and have it skipped, before its sender has the answer.
 */
export class DeliveryExceptions implements DeliveryWatcher {
  // undefined where there are none, as for nearly all messages
  #late: Set<object> | undefined;
  #skipped: Set<object> | undefined;
  #passedOver: Set<object> | undefined;
  #cut: Set<object> | undefined;

  /** It has been written to this connection since it was offered. */
  isLate(reader: object): boolean {
    return this.#late?.has(reader) === true;
  }

  /** This connection passed it when it was not worth it any more; perhaps with a later subscription, and has it from an earlier one. */
  isSkipped(reader: object): boolean {
    return this.#skipped?.has(reader) === true;
  }

  /** This connection ended with a piece of it. */
  isCut(reader: object): boolean {
    return this.#cut?.has(reader) === true;
  }

  /** This connection passed it so with the subscription that was there when the message was logged. */
  isPassedOver(reader: object): boolean {
    return this.#passedOver?.has(reader) === true;
  }

  /** The connections of which that is true. */
  get passedOver(): Iterable<object> {
    return this.#passedOver ?? NONE;
  }

  noteLate(reader: object): void {
    (this.#late ??= new Set()).add(reader);
  }

  noteSkipped(reader: object, isRecipient: boolean): void {
    (this.#skipped ??= new Set()).add(reader);
    if (isRecipient) (this.#passedOver ??= new Set()).add(reader);
  }

  noteCut(reader: object): void {
    (this.#cut ??= new Set()).add(reader);
  }
}

const NONE: ReadonlySet<object> = new Set();
