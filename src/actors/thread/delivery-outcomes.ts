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
  const follow = new Followed(publication, isUntilAcked);
  return new Promise((resolve) => {
    const look = (): boolean => {
      if (!follow.look() && engine.now() < deadline && engine.isRunning) return false;
      resolve(follow.settlement);
      return true;
    };
    if (!look()) engine.lookAtEachSweep(look);
  });
}

/** The connections that a message was offered to. An outcome that is final is not looked at again. */
class Followed {
  readonly #publication: FanOutTally;
  readonly #isUntilAcked: boolean;
  readonly #outcomes = new Map<string, Outcome>();
  /** Those whose outcome may still change. */
  readonly #open: Set<Subscription>;
  readonly #behind: ReadonlySet<Subscription>;
  readonly #droppedFor: ReadonlySet<Subscription>;
  /** Bytes of the connection after the message was written: an answer that covers them covers the message. */
  readonly #target = new Map<Subscription, number>();
  /** Recipients that were passed over and had left when the following began. */
  readonly #passedOver: number;
  /** Recipients that were written to and had left when the following began. */
  readonly #unknown: number;

  constructor(publication: FanOutTally, isUntilAcked: boolean) {
    this.#publication = publication;
    this.#isUntilAcked = isUntilAcked;
    const { members, behind, droppedFor } = publication;
    const present = publication.isDuplicate ? [] : [...members].filter((member) => publication.isFor(member));
    this.#open = new Set([...present, ...behind, ...droppedFor]);
    this.#behind = new Set(behind);
    this.#droppedFor = new Set(droppedFor);
    const known = new Set<object>(Array.from(this.#open, ({ subscriber }) => subscriber));
    const gone = Math.max(0, publication.recipients - this.#open.size);
    const passedOver = [...publication.notes.passedOver].filter((connection) => !known.has(connection)).length;
    this.#passedOver = Math.min(gone, passedOver);
    this.#unknown = gone - this.#passedOver;
  }

  /** True when there is nothing left to wait for. */
  look(): boolean {
    for (const member of this.#open) {
      const outcome = this.#outcomeOf(member);
      this.#outcomes.set(member.subscriber.id, outcome);
      if (this.#isFinal(outcome, member)) this.#open.delete(member);
    }
    return this.#open.size === 0;
  }

  get settlement(): Settlement {
    const counts = { written: this.#unknown, acked: 0, behind: 0, dropped: this.#passedOver, evicted: 0 };
    for (const outcome of this.#outcomes.values()) counts[outcome]++;
    return { ...counts, outcomes: this.#outcomes };
  }

  /** What has been written can still be acknowledged, as long as there is a line for it. */
  #isFinal(outcome: Outcome, { subscriber }: Subscription): boolean {
    if (outcome === 'written') return !this.#isUntilAcked || !subscriber.isLinkOpen;
    return outcome !== 'behind';
  }

  #outcomeOf(member: Subscription): Outcome {
    const { notes } = this.#publication;
    const { subscriber } = member;
    if (notes.isSkipped(subscriber) || this.#droppedFor.has(member)) return 'dropped';
    if (notes.isCut(subscriber)) return 'evicted';
    if (this.#behind.has(member) && !notes.isLate(subscriber)) return this.#unwritten(member);
    return this.#isAcked(member) ? 'acked' : 'written';
  }

  /** A client that has joined again meanwhile gets it, or does not, with its new subscription. */
  #unwritten(member: Subscription): Outcome {
    const { entry } = this.#publication;
    if (member.isWriting(entry)) return 'behind';
    const { subscriber, threadId, isEnded } = member;
    const standing = isEnded ? subscriber.standing(threadId) : member;
    if (standing === undefined) return 'evicted';
    return standing !== 'joining' && standing.hasPassed(entry) ? 'dropped' : 'behind';
  }

  #isAcked(member: Subscription): boolean {
    const { offset } = this.#publication.entry;
    const { outbox, ackedBytes } = member.subscriber;
    const target = this.#target.get(member) ?? outbox.bytes;
    this.#target.set(member, target);
    return ackedBytes >= target || (offset > 0 && member.ackedOffset >= offset);
  }
}
