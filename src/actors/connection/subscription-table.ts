import type { Subscription } from '../delivery/subscription.ts';

/**
 * One connection's subscriptions by thread, in the order of the joins. Nearly every connection is in one thread, and a Map for it takes 240
 * bytes.
 */
export abstract class SubscriptionTable {
  #first: Subscription | undefined;
  /** The subscriptions after the first one; undefined if there are none. */
  #rest: Map<string, Subscription> | undefined;

  get threads(): readonly string[] {
    return Array.from(this.all(), ({ threadId }) => threadId);
  }

  get size(): number {
    return (this.#first === undefined ? 0 : 1) + (this.#rest?.size ?? 0);
  }

  get(threadId: string): Subscription | undefined {
    return this.#first?.threadId === threadId ? this.#first : this.#rest?.get(threadId);
  }

  /** Subscriptions may be deleted meanwhile. */
  protected *all(): Generator<Subscription, void> {
    if (this.#first !== undefined) yield this.#first;
    if (this.#rest !== undefined) yield* this.#rest.values();
  }

  /** Only if there is none in this thread. */
  protected add(subscription: Subscription): void {
    if (this.size === 0) this.#first = subscription;
    else (this.#rest ??= new Map()).set(subscription.threadId, subscription);
  }

  protected delete(threadId: string): void {
    if (this.#first?.threadId === threadId) this.#first = undefined;
    else this.#rest?.delete(threadId);
    if (this.#rest?.size === 0) this.#rest = undefined;
  }
}
