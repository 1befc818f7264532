import type { EntryKind } from '../../src/api/entry.ts';

/** An entry of the log, as the verdicts need it. */
export interface Logged {
  readonly offset: number;
  /** On the network's clock. */
  readonly at: number;
  readonly id: string;
  /** The message's own, unique in a schedule; NaN for a removal. */
  readonly number: number;
  readonly kind: EntryKind;
  /** The message that is edited or removed. */
  readonly target: string | undefined;
  /** The end of a stream. */
  readonly isStream: boolean;
  /** Who does not get it, as the log has it. */
  readonly except?: string | undefined;
  /** It is in other threads, too. */
  readonly isShared?: boolean | undefined;
  /** The entry before it in the same history. */
  readonly previous?: Logged | undefined;
  /** The offset from which on the log knew ids when it was logged. */
  readonly known?: number;
}
