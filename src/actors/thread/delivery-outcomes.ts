import { checkChoice } from '../../infra/option-checks.ts';
import type { HubContext } from '../support/context.ts';
import type { FanOutTally } from '../delivery/fan-out-tally.ts';
import type { Subscription } from '../delivery/subscription.ts';
import type { Outcome } from '../../api/receipt.ts';
import type { SettleOptions } from '../../api/receipt.ts';
import type { Settlement } from '../../api/receipt.ts';

/** Follows one message to its end, in the sweep's rhythm: nobody who does not ask pays for it. */
export function settle(publication: FanOutTally, engine: HubContext, options: SettleOptions = {}): Promise<Settlement> {
  const isUntilAcked = checkChoice('until', options.until, 'written', ['written', 'acked']) === 'acked';
  const deadline = engine.now() + engine.settings.settleTimeoutMs;
  const follow = new Followed(publication);
  return new Promise((resolve) => {
    const look = (): boolean => {
      const settlement = follow.look();
      const isOpen = settlement.behind > 0 || (isUntilAcked && settlement.written > follow.unknown);
      if (isOpen && engine.now() < deadline && engine.isRunning) return false;
      resolve(settlement);
      return true;
    };
    if (!look()) engine.lookAtEachSweep(look);
  });
}

class Followed {
  readonly #publication: FanOutTally;
  readonly #members: readonly Subscription[];
  readonly #behind: ReadonlySet<Subscription>;
  readonly #droppedFor: ReadonlySet<Subscription>;
  /** Bytes of the connection after the message was written: an answer that covers them covers the message. */
  readonly #target = new Map<Subscription, number>();
  /** Recipients that were passed over and had left when the following began. */
  readonly #passedOver: number;
  /** Recipients that were written to and had left when the following began. */
  readonly unknown: number;

  constructor(publication: FanOutTally) {
    this.#publication = publication;
    const { members, behind, droppedFor } = publication;
    const present = publication.isDuplicate ? [] : [...members].filter((member) => publication.isFor(member));
    this.#members = [...new Set([...present, ...behind, ...droppedFor])];
    this.#behind = new Set(behind);
    this.#droppedFor = new Set(droppedFor);
    const known = new Set<object>(this.#members);
    const gone = Math.max(0, publication.recipients - this.#members.length);
    const passedOver = [...publication.skipped].filter((reader) => !known.has(reader)).length;
    this.#passedOver = Math.min(gone, passedOver);
    this.unknown = gone - this.#passedOver;
  }

  look(): Settlement {
    const counts = { written: this.unknown, acked: 0, behind: 0, dropped: this.#passedOver, evicted: 0 };
    const outcomes = new Map<string, Outcome>();
    for (const member of this.#members) {
      const outcome = this.#outcomeOf(member);
      counts[outcome]++;
      outcomes.set(member.subscriber.id, outcome);
    }
    return { ...counts, outcomes };
  }

  #outcomeOf(member: Subscription): Outcome {
    const { entry, late, skipped } = this.#publication;
    if (skipped.has(member) || this.#droppedFor.has(member)) return 'dropped';
    if (this.#behind.has(member) && !late.has(member)) {
      if (member.hasPassed(entry)) return 'dropped';
      return member.isEnded ? 'evicted' : 'behind';
    }
    const { outbox, ackedBytes } = member.subscriber;
    const target = this.#target.get(member) ?? outbox.bytes;
    this.#target.set(member, target);
    const isAcked = ackedBytes >= target || (entry.offset > 0 && member.ackedOffset >= entry.offset);
    return isAcked ? 'acked' : 'written';
  }
}
