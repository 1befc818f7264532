import type { Entry } from '../../../api/entry.ts';
import type { LogReset } from '../../../api/log.ts';
import type { LogSource } from './log-reader.ts';
import type { RedisLogSettings } from './options.ts';
import type { PendingAppend } from './pending-appends.ts';

/** What a tail needs of its thread. */
export interface TailHost {
  readonly threadId: string;
  readonly settings: RedisLogSettings;
  readonly source: LogSource;
  readonly isClosed: boolean;
  /** Resolves when the thread's channel is subscribed on the connections that there are now. */
  subscribed(): Promise<void>;
  /** This process's append with this id that is on its way. */
  ownAppend(id: string): PendingAppend | undefined;
  onEntry(entry: Entry): void;
  onReset(reset: LogReset): void;
  /** Other threads give memory back; false where there is no room all the same. */
  makeRoom(): Promise<boolean>;
  /** Entries were found in Redis that had been published long ago. */
  onSilence(): void;
}
