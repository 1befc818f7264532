import type { Entry } from '../../../api/entry.ts';
import type { LogReset } from '../../../api/log.ts';
import type { LogSource } from './log-reader.ts';
import type { RedisLogSettings } from './options.ts';
import type { PendingAppend } from './pending-appends.ts';

/** What a tail needs from its thread. */
export interface TailHost {
  readonly threadId: string;
  readonly settings: RedisLogSettings;
  readonly source: LogSource;
  readonly isClosed: boolean;
  /** Resolves when the thread's channel is subscribed on the current connections. */
  subscribed(): Promise<void>;
  /** This process's append with this id that is in flight. */
  ownAppend(id: string): PendingAppend | undefined;
  onEntry(entry: Entry): void;
  onReset(reset: LogReset): void;
  /** Makes other threads release memory; false if there is still no room. */
  makeRoom(): Promise<boolean>;
  /** Redis had entries that were published long ago and did not arrive. */
  onSilence(): void;
}
