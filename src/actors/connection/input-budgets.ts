import type { InputRates } from '../support/settings.ts';
import { RateLimiter } from './rate-limiter.ts';

/** The parties that pay for a client's input, besides its connection. */
export interface Payer {
  readonly userId: string | undefined;
  /** Undefined if the address is unknown, or does not identify the client. */
  readonly address: string | undefined;
}

/**
 * While all connections together send more than the hub accepts, everything costs this many times as much. So the heaviest senders are
 * closed first.
 */
const SURGE = 8;

/** The budget of all connections of one user, or from one address. */
class SharedBudget {
  readonly key: string;
  readonly limiter: RateLimiter;
  /** Number of connections that use it. */
  users = 0;

  constructor(key: string, perSecond: number, now: number) {
    this.key = key;
    this.limiter = new RateLimiter(perSecond, now);
  }
}

/** What clients may still send. A hundred connections of one user, or from one address, share one budget. */
export class InputBudgets {
  readonly #rates: InputRates;
  readonly #now: () => number;
  readonly #total: RateLimiter;
  readonly #shared = new Map<string, SharedBudget>();
  /** Budgets that no connection uses. */
  readonly #unused = new Set<SharedBudget>();

  constructor(rates: InputRates, now: () => number) {
    this.#rates = rates;
    this.#now = now;
    this.#total = new RateLimiter(rates.total, now());
  }

  /** Opens the account of one connection, from its first frame to its end. */
  open(payer: Payer): InputAccount {
    const shared = this.#sharedBy(payer);
    for (const budget of shared) {
      budget.users++;
      this.#unused.delete(budget);
    }
    return new InputAccount(this, new RateLimiter(this.#rates.perConnection, this.#now()), shared);
  }

  /** Charges input that comes before there is a connection. False if the user, or the address, has nothing left. */
  charge(payer: Payer, cost: number): boolean {
    return this.take(undefined, this.#sharedBy(payer), cost);
  }

  take(own: RateLimiter | undefined, shared: readonly SharedBudget[], cost: number): boolean {
    const now = this.#now();
    const price = this.#total.take(cost, now) ? cost : SURGE * cost;
    let isAffordable = own?.take(price, now) ?? true;
    for (const { limiter } of shared) isAffordable = limiter.take(price, now) && isAffordable;
    return isAffordable;
  }

  close(shared: readonly SharedBudget[]): void {
    for (const budget of shared) if (--budget.users === 0) this.#unused.add(budget);
  }

  /** Forgets budgets that no connection uses and that are full again. */
  sweep(): void {
    const now = this.#now();
    for (const budget of this.#unused) {
      if (!budget.limiter.isFull(now)) continue;
      this.#unused.delete(budget);
      this.#shared.delete(budget.key);
    }
  }

  #sharedBy({ userId, address }: Payer): readonly SharedBudget[] {
    const shared: SharedBudget[] = [];
    if (userId !== undefined) shared.push(this.#budget(`user ${userId}`, this.#rates.perUser));
    if (address !== undefined) shared.push(this.#budget(`address ${address}`, this.#rates.perAddress));
    return shared;
  }

  #budget(key: string, perSecond: number): SharedBudget {
    const known = this.#shared.get(key);
    if (known !== undefined) return known;
    const budget = new SharedBudget(key, perSecond, this.#now());
    this.#shared.set(key, budget);
    this.#unused.add(budget);
    return budget;
  }
}

/** What one connection may still send. */
export class InputAccount {
  readonly #budgets: InputBudgets;
  readonly #own: RateLimiter;
  readonly #shared: readonly SharedBudget[];

  constructor(budgets: InputBudgets, own: RateLimiter, shared: readonly SharedBudget[]) {
    this.#budgets = budgets;
    this.#own = own;
    this.#shared = shared;
  }

  /** False if the connection, its user or its address has nothing left. */
  take(cost: number): boolean {
    return this.#budgets.take(this.#own, this.#shared, cost);
  }

  /** Gives back points that were charged for something that turned out to cost less. */
  give(points: number): void {
    this.#own.give(points);
    for (const { limiter } of this.#shared) limiter.give(points);
  }

  close(): void {
    this.#budgets.close(this.#shared);
  }
}
