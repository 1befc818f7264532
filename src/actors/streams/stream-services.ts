import type { HubContext } from '../support/context.ts';
import type { Codec } from '../../api/definition.ts';
import type { FlushTimer } from './flush-timer.ts';

/** What token streams need from the hub. */
export interface StreamServices extends HubContext {
  /** Shared by all streams of the hub. */
  readonly ticker: FlushTimer;
  /** The codecs that this process knows, by their names: to follow streams of other processes. */
  readonly codecs: Map<string, Codec>;
}
