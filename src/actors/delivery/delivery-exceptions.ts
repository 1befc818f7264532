import type { DeliveryWatcher } from '../../api/entry.ts';

/**
 * What happened to one message at single connections, apart from the count of connections it was written to. It is created before the
 * message is logged: a shared log may deliver the entry, and a connection may skip it, before the sender has the answer.
 */
export class DeliveryExceptions implements DeliveryWatcher {
  // undefined when there are none, as for nearly all messages
  #late: Set<object> | undefined;
  #skipped: Set<object> | undefined;
  #passedOver: Set<object> | undefined;
  #cut: Set<object> | undefined;

  /** The message has been written to this connection after it was offered. */
  isLate(reader: object): boolean {
    return this.#late?.has(reader) === true;
  }

  /** This connection skipped the message because it was no longer worth delivering. An earlier subscription may have received it. */
  isSkipped(reader: object): boolean {
    return this.#skipped?.has(reader) === true;
  }

  /** This connection ended after only some pieces of the message were written. */
  isCut(reader: object): boolean {
    return this.#cut?.has(reader) === true;
  }

  /** This connection skipped the message with the subscription that it had when the message was logged. */
  isPassedOver(reader: object): boolean {
    return this.#passedOver?.has(reader) === true;
  }

  /** All connections for which `isPassedOver` is true. */
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
