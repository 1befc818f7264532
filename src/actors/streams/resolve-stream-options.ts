import { checkCount, checkNumber, TIMER_RANGE, type Filled } from '../../infra/option-checks.ts';
import { checkOptions, type OptionTable } from '../../infra/option-table.ts';
import { checkId } from '../../infra/log/ids.ts';
import type { Canceller } from '../../api/stream.ts';
import type { StreamLimits } from '../../api/options.ts';
import type { StreamOptions } from '../../api/stream.ts';

export interface StreamSettings {
  readonly id: string;
  readonly timeoutMs: number;
  readonly mayCancel: (by: Canceller) => boolean | Promise<boolean>;
}

/** @throws InvalidOptionError (`TC_INVALID_OPTION`) */
export function resolveStreamLimits(limits: StreamLimits = {}): Filled<StreamLimits> {
  return {
    windowMs: checkNumber('streams.windowMs', limits.windowMs, 40, { min: 0, max: 60_000 }),
    timeoutMs: checkNumber('streams.timeoutMs', limits.timeoutMs, 60_000, TIMER_RANGE),
    maxPerThread: checkCount('streams.maxPerThread', limits.maxPerThread, 32, { min: 1 }),
    maxLength: checkCount('streams.maxLength', limits.maxLength, 1024 * 1024, { min: 1 }),
  };
}

const STREAM_OPTIONS: OptionTable<StreamOptions> = { id: 'text', timeoutMs: 'number', mayCancel: 'function' };

/** @throws InvalidOptionError (`TC_INVALID_OPTION`) */
export function resolveStream(
  options: StreamOptions,
  hub: { newId(): string; readonly settings: { readonly streams: Filled<StreamLimits> } },
): StreamSettings {
  checkOptions<StreamOptions>(options, STREAM_OPTIONS);
  return {
    id: options.id === undefined ? hub.newId() : checkId('id', options.id),
    timeoutMs: checkNumber('timeoutMs', options.timeoutMs, hub.settings.streams.timeoutMs, { min: 1 }),
    mayCancel: options.mayCancel ?? (() => true),
  };
}
