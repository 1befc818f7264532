import type { Clock } from '../../../api/clock.ts';
import type { Entry } from '../../../api/entry.ts';
import type { LogReset } from '../../../api/log.ts';
import type { Ledger, Retention } from '../retention.ts';
import type { Anchor, Arrival } from './arrival.ts';
import type { PendingAppend } from './pending-appends.ts';

/** What the tails of a shared log go by. */
export interface TailSettings {
  readonly clock: Clock;
  /** Names this process in what it appends. */
  readonly nodeId: string;
  readonly retentionOf: (threadId: string) => Retention;
  /** Memory of all tails of this process together, in bytes. */
  readonly maxTotalBytes: number;
  /** Counts the bytes that the tails hold. */
  readonly ledger: Ledger;
  /** What keeps the log, for messages: `Redis`. */
  readonly keeper: string;
}

/** The place of an entry in the log, and its id. */
export interface EntryId {
  readonly offset: number;
  readonly id: string;
}

/** The part of a shared log that has one thread. Each call rejects where the log did not answer, and is repeated. */
export interface LogSource {
  /** @param known a position that is asked about */
  anchor(known?: { readonly epoch: string; readonly offset: number }): Promise<Anchor>;
  /** Entries from an offset on, oldest first; empty if there are none. Rejects if the thread has another epoch. */
  after(from: number, epoch: string): Promise<Arrival[]>;
  /** Entries from an offset down to another one, newest first. */
  before(from: number, to: number, epoch: string): Promise<Arrival[]>;
  /** Ids from an offset down to another one, newest first: some of them at least, unless there are none. */
  idsBefore(from: number, to: number, epoch: string): Promise<readonly EntryId[]>;
  /** The oldest entry, possibly without its body. */
  oldest(epoch: string): Promise<Arrival | undefined>;
}

/** What a tail needs from its thread. */
export interface TailHost {
  readonly threadId: string;
  readonly settings: TailSettings;
  readonly source: LogSource;
  readonly isClosed: boolean;
  /** Resolves when notices of the thread arrive on the current connections. */
  subscribed(): Promise<void>;
  /** This process's append with this id that is in flight. */
  ownAppend(id: string): PendingAppend | undefined;
  onEntry(entry: Entry): void;
  onReset(reset: LogReset): void;
  /** Makes other threads release memory; false if there is still no room. */
  makeRoom(): Promise<boolean>;
  /** The log had entries that were published long ago and did not arrive. */
  onSilence(): void;
}
