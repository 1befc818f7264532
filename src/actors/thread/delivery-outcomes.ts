import { checkChoice } from '../../infra/option-checks.ts';
import { checkOptions, type OptionTable } from '../../infra/option-table.ts';
import type { HubContext } from '../support/context.ts';
import type { Task } from '../support/slice-scheduler.ts';
import type { PublicationTally } from '../delivery/publication-tally.ts';
import type { Subscription } from '../delivery/subscription.ts';
import type { Outcome } from '../../api/receipt.ts';
import type { SettleOptions } from '../../api/receipt.ts';
import type { Settlement } from '../../api/receipt.ts';

const SETTLE_OPTIONS: OptionTable<SettleOptions> = { until: 'text' };

/** Members between two looks at the clock. */
const MEMBERS_PER_LOOK = 16;

/**
 * Follows one message to its end, at each sweep and in slices of the scheduler. Hundreds may be followed at once, each for thousands of
 * connections.
 */
export function settle(tally: PublicationTally, context: HubContext, options: SettleOptions = {}): Promise<Settlement> {
  checkOptions<SettleOptions>(options, SETTLE_OPTIONS);
  const isUntilAcked = checkChoice('until', options.until, 'written', ['written', 'acked']) === 'acked';
  const deadline = context.now() + context.settings.settleTimeoutMs;
  const follow = new Followed(tally, isUntilAcked, context.now);
  return new Promise((resolve) => {
    let isSettled = false;
    let isAwaited = false;
    const lookAgain = (): boolean => {
      if (!isSettled) context.scheduler.add(task);
      // when the hub closes, this is the last look: what stayed would keep the connections as long as the application keeps the hub
      return isSettled || !context.status.isRunning;
    };
    const task: Task = {
      run(sliceEnd) {
        if (!follow.look(sliceEnd)) return false;
        isSettled = !follow.isOpen || context.now() >= deadline || !context.status.isRunning;
        if (isSettled) resolve(follow.settlement);
        else if (!isAwaited) context.lookAtEachSweep(lookAgain);
        isAwaited = true;
        return true;
      },
    };
    // at once: a member that leaves right after the call still counts
    context.scheduler.start(task);
  });
}

/** The connections that a message was offered to. A final outcome is not checked again. */
class Followed {
  readonly #tally: PublicationTally;
  readonly #isUntilAcked: boolean;
  readonly #now: () => number;
  readonly #outcomes = new Map<string, Outcome>();
  /** Members whose outcome may still change. */
  readonly #open = new Set<Subscription>();
  readonly #behind = new Set<Subscription>();
  readonly #droppedFor = new Set<Subscription>();
  /** Bytes of the connection after the message was written: an answer that covers them covers the message. */
  readonly #target = new Map<Subscription, number>();
  /** Recipients without the message that had already left, or that the log no longer identifies. */
  #passedOver = 0;
  /** Recipients with the message, likewise. */
  #unknown = 0;
  /** The rest of the look in progress, one member at a time. */
  #rest: Iterator<void> | undefined;
  #hasBegun = false;

  constructor(tally: PublicationTally, isUntilAcked: boolean, now: () => number) {
    this.#tally = tally;
    this.#isUntilAcked = isUntilAcked;
    this.#now = now;
  }

  /** At least one outcome may still change. */
  get isOpen(): boolean {
    return this.#open.size > 0;
  }

  /** Continues the look until about `sliceEnd`; true when it is complete. */
  look(sliceEnd: number): boolean {
    this.#rest ??= this.#lookAtAll();
    for (let steps = 1; this.#rest.next().done !== true; steps++) {
      if (steps % MEMBERS_PER_LOOK === 0 && this.#now() >= sliceEnd) return false;
    }
    this.#rest = undefined;
    return true;
  }

  *#lookAtAll(): Generator<void> {
    if (!this.#hasBegun) yield* this.#gather();
    this.#hasBegun = true;
    for (const member of this.#open) {
      const outcome = this.#outcomeOf(member);
      this.#outcomes.set(member.subscriber.id, outcome);
      if (this.#isFinal(outcome, member)) this.#open.delete(member);
      yield;
    }
  }

  *#gather(): Generator<void> {
    const tally = this.#tally;
    const known = new Set<object>();
    const groups = [
      { members: tally.isDuplicate || tally.isLost ? [] : tally.members, group: undefined },
      { members: tally.behind, group: this.#behind },
      { members: tally.droppedFor, group: this.#droppedFor },
    ];
    for (const { members, group } of groups) {
      for (const member of members) {
        yield;
        if (group === undefined && !tally.isFor(member)) continue;
        group?.add(member);
        this.#open.add(member);
        known.add(member.subscriber);
      }
    }
    const gone = Math.max(0, tally.recipients - this.#open.size);
    for (const connection of tally.passedOver) {
      if (this.#passedOver < gone && !known.has(connection)) this.#passedOver++;
      yield;
    }
    this.#unknown = Math.min(gone - this.#passedOver, tally.written);
    this.#passedOver = gone - this.#unknown;
  }

  get settlement(): Settlement {
    const counts = { written: this.#unknown, acked: 0, behind: 0, dropped: this.#passedOver, evicted: 0 };
    for (const outcome of this.#outcomes.values()) counts[outcome]++;
    return { ...counts, outcomes: this.#outcomes };
  }

  /** A written message can still be acknowledged, as long as its line exists. */
  #isFinal(outcome: Outcome, { subscriber }: Subscription): boolean {
    if (outcome === 'written') return !this.#isUntilAcked || !subscriber.isLinkOpen;
    return outcome !== 'behind';
  }

  #outcomeOf(member: Subscription): Outcome {
    const tally = this.#tally;
    const { subscriber } = member;
    if (tally.isPassedOver(subscriber) || this.#droppedFor.has(member)) return 'dropped';
    if (this.#behind.has(member) && !tally.isLate(subscriber)) return this.#unwritten(member);
    return this.#isAcked(member) ? 'acked' : 'written';
  }

  /** A client that has rejoined meanwhile gets it, or does not, with its new subscription. */
  #unwritten(member: Subscription): Outcome {
    const tally = this.#tally;
    const { entry } = tally;
    const { subscriber, threadId, isEnded } = member;
    if (tally.isCut(subscriber)) return 'evicted';
    if (tally.isSkipped(subscriber)) return 'dropped';
    if (member.isWriting(entry)) return 'behind';
    const standing = isEnded ? subscriber.standing(threadId) : member;
    if (standing === undefined) return 'evicted';
    if (standing === 'joining') return 'behind';
    // with its epoch, the log has lost the message
    return standing.position.epoch !== tally.epoch || standing.hasPassed(entry) ? 'dropped' : 'behind';
  }

  #isAcked(member: Subscription): boolean {
    const { offset } = this.#tally.entry;
    const { writer, ackedBytes } = member.subscriber;
    const target = this.#target.get(member) ?? writer.bytes;
    this.#target.set(member, target);
    return ackedBytes >= target || (offset > 0 && member.ackedOffset >= offset);
  }
}
