import type { Entry } from '../../api/entry.ts';
import type { SendOutcome, Telemetry } from '../../infra/telemetry/spans.ts';
import type { FrameVariant } from '../../infra/wire/frame-variant.ts';
import type { JoinedFrame } from '../delivery/joined-frames.ts';
import type { Subscription } from '../delivery/subscription.ts';

/** How many waiting messages of a failing connection are searched for a trace, in each thread. */
const MOST_IN_THREAD = 64;

/** The same, over all of its threads. */
const MOST_IN_ALL = 1_024;

/** The spans of one connection's sends: for each traced message, its outcome here and the attempt. */
export class SendTraces {
  readonly #connectionId: string;
  readonly #telemetry: Telemetry;
  /** Retries that the messages from before `#openedAt` had to wait for. */
  #retries = 0;
  #openedAt = -Infinity;

  constructor(connectionId: string, telemetry: Telemetry) {
    this.#connectionId = connectionId;
    this.#telemetry = telemetry;
  }

  /** The waiting messages have seen this many retries. */
  noteRetries(retries: number): void {
    this.#retries = retries;
  }

  /** Bytes may flow again. */
  noteOpened(now: number): void {
    this.#openedAt = now;
  }

  /** The first piece of a big message has been written. */
  begun({ trace }: Entry): void {
    if (trace !== undefined) this.#telemetry.begun(this.#connectionId, trace);
  }

  over(entry: Entry, bytes: number, outcome: SendOutcome): void {
    if (entry.trace === undefined) return;
    const hasWaited = outcome === 'timed_out' || outcome === 'evicted' || entry.loggedAt < this.#openedAt;
    const attempt = hasWaited ? 1 + this.#retries : 1;
    this.#telemetry.send(entry, entry.trace, { connectionId: this.#connectionId, bytes, attempt, outcome });
  }

  writtenTogether({ entries }: JoinedFrame, { format, window, takesBytes }: FrameVariant): void {
    for (const entry of entries) this.over(entry, entry.frame(format, window, takesBytes).bytes, 'written');
  }

  /** The waiting messages of these subscriptions have not been written in time, or will not be written. */
  waiting(subscriptions: Iterable<Subscription>, outcome: SendOutcome): void {
    let left = MOST_IN_ALL;
    for (const subscription of subscriptions) {
      if (left <= 0) return;
      for (const entry of subscription.waiting(Math.min(left, MOST_IN_THREAD))) this.over(entry, 0, outcome);
      left -= Math.min(MOST_IN_THREAD, subscription.lag);
    }
  }
}
