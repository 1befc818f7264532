import type { HubContext } from '../support/context.ts';
import type { FlushTimer } from './flush-timer.ts';

/** What token streams need from the hub. */
export interface StreamServices extends HubContext {
  /** Shared by all streams of the hub. */
  readonly ticker: FlushTimer;
}
