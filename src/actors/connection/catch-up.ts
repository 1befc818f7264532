import type { Clearance } from '../delivery/clearance.ts';
import type { Subscription } from '../delivery/subscription.ts';
import type { Task } from '../support/slice-scheduler.ts';
import type { ConnectionLine } from './connection-line.ts';
import type { ConnectionServices } from './connection-services.ts';
import { SubscriptionTable } from './subscription-table.ts';

const NONE: ReadonlySet<Subscription> = new Set();

/** The subscriptions of one connection, and its catching up in those that are behind, as a task of the scheduler. */
export class CatchUp extends SubscriptionTable implements Task {
  protected readonly line: ConnectionLine;
  protected readonly services: ConnectionServices;
  /** Undefined if there are none. */
  #behind: Set<Subscription> | undefined;
  /** The subscription whose big message is being sent in parts: there is only one, which bounds the memory that it holds. */
  #inParts: Subscription | undefined;

  constructor(line: ConnectionLine, services: ConnectionServices) {
    super();
    this.line = line;
    this.services = services;
  }

  /** Number of threads in which something is still to be written. */
  get behind(): number {
    return this.#behind?.size ?? 0;
  }

  /** Number of messages still to be written, in all threads. */
  get lag(): number {
    let lag = 0;
    for (const subscription of this.#behind ?? NONE) lag += subscription.lag;
    return lag;
  }

  get subscriptionsBehind(): Iterable<Subscription> {
    return this.#behind ?? NONE;
  }

  fellBehind(subscription: Subscription, clearance: Clearance): void {
    (this.#behind ??= new Set()).add(subscription);
    if (clearance !== 'signal') this.services.scheduler.add(this);
  }

  isBehindElsewhere(threadId: string): boolean {
    for (const subscription of this.#behind ?? NONE) if (subscription.threadId !== threadId) return true;
    return false;
  }

  /** False if another thread's big message is in progress. Waiting subscriptions are visited when that is over. */
  beginParts(subscription: Subscription): boolean {
    this.#inParts ??= subscription;
    return this.#inParts === subscription;
  }

  endParts(): void {
    this.#inParts = undefined;
    if (this.behind > 0) this.services.scheduler.add(this);
  }

  /** Continues the frame in progress, then catches up: visits the threads in turn, as far as the socket accepts data. */
  run(deadline: number): boolean {
    try {
      return this.#goOn(deadline);
    } catch (error) {
      this.line.onBroken(error);
      return true;
    }
  }

  #goOn(deadline: number): boolean {
    const { writer, input } = this.line;
    const clearance = writer.resume();
    if (clearance !== 'now') return clearance === 'signal';
    input?.goOn();
    // one visit for each: a subscription that is still behind moves to the end of the set; parts of a big message alternate with the rest
    let left = this.behind;
    for (const subscription of this.#behind ?? NONE) {
      if (left-- === 0) break;
      this.passed(subscription);
      subscription.visit();
      // else what it has boarded would not wait for the company of others
      if (this.#behind === undefined) return true;
      const next = writer.admit('message');
      if (next !== 'now') return next === 'signal';
      // the last one has been visited: what is still behind waits for a signal, or has asked for another turn
      if (this.services.now() >= deadline) return left === 0;
    }
    // a subscription that waits for no signal has already asked for another turn
    return true;
  }

  /** It is no longer behind, or has ended. */
  protected passed(subscription: Subscription): void {
    this.#behind?.delete(subscription);
    if (this.#behind?.size === 0) this.#behind = undefined;
  }
}
