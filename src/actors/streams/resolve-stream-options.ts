import { checkCount, checkNumber, TIMER_RANGE, type Filled } from '../../infra/option-checks.ts';
import { checkOptions, type OptionTable } from '../../infra/option-table.ts';
import type { Canceller } from '../../api/stream.ts';
import type { StreamLimits } from '../../api/options.ts';
import type { ChunkStreamOptions, StreamOptions } from '../../api/stream.ts';
import type { Codec } from '../../api/definition.ts';
import { InvalidOptionError } from '../../infra/errors.ts';
import { checkId, isId } from '../../infra/log/ids.ts';
import { parseTraceparent } from '../../infra/telemetry/message-trace.ts';

export interface StreamSettings {
  readonly id: string;
  readonly timeoutMs: number;
  /** Undefined for text. */
  readonly codec: Codec | undefined;
  readonly mayCancel: (by: Canceller) => boolean | Promise<boolean>;
  readonly traceparent: string | undefined;
}

/** @throws InvalidOptionError (`TC_INVALID_OPTION`) */
export function resolveStreamLimits(limits: StreamLimits = {}): Filled<StreamLimits> {
  return {
    windowMs: checkNumber('streams.windowMs', limits.windowMs, 40, { min: 0, max: 60_000 }),
    timeoutMs: checkNumber('streams.timeoutMs', limits.timeoutMs, 60_000, TIMER_RANGE),
    maxPerThread: checkCount('streams.maxPerThread', limits.maxPerThread, 32, { min: 1 }),
    maxLength: checkCount('streams.maxLength', limits.maxLength, 1024 * 1024, { min: 1 }),
    maxBytes: checkCount('streams.maxBytes', limits.maxBytes, 16 * 1024 * 1024, { min: 1 }),
    maxChunks: checkCount('streams.maxChunks', limits.maxChunks, 1_000_000, { min: 1 }),
    codecs: checkCodecs(limits.codecs),
  };
}

const STREAM_OPTIONS: OptionTable<ChunkStreamOptions<unknown>> = {
  id: 'text',
  timeoutMs: 'number',
  mayCancel: 'function',
  traceparent: 'text',
  codec: 'object',
};

/** @throws InvalidOptionError (`TC_INVALID_OPTION`) */
export function resolveStream(
  options: StreamOptions | ChunkStreamOptions<unknown>,
  hub: { newId(): string; readonly settings: { readonly streams: Filled<StreamLimits> } },
): StreamSettings {
  checkOptions<ChunkStreamOptions<unknown>>(options, STREAM_OPTIONS);
  return {
    id: options.id === undefined ? hub.newId() : checkId('id', options.id),
    timeoutMs: checkNumber('timeoutMs', options.timeoutMs, hub.settings.streams.timeoutMs, { min: 1 }),
    codec: 'codec' in options && options.codec !== undefined ? checkCodec('codec', options.codec) : undefined,
    mayCancel: options.mayCancel ?? (() => true),
    traceparent: checkTraceparent(options.traceparent),
  };
}

function checkTraceparent(value: string | undefined): string | undefined {
  if (value === undefined || parseTraceparent(value) !== undefined) return value;
  throw new InvalidOptionError({ option: 'traceparent', value, expected: 'a traceparent of W3C Trace Context' });
}

function checkCodecs(codecs: readonly Codec[] = []): readonly Codec[] {
  if (!Array.isArray(codecs))
    throw new InvalidOptionError({ option: 'streams.codecs', value: codecs, expected: 'an array of codecs' });
  return codecs.map((codec: Codec, index) => checkCodec(`streams.codecs.${index}`, codec));
}

function checkCodec(option: string, codec: Codec): Codec {
  const methods = ['fold', 'sizeOf', 'end'].map((name): unknown => Reflect.get(Object(codec), name));
  if (isId(codec?.name) && methods.every((method) => typeof method === 'function')) return codec;
  throw new InvalidOptionError({ option, value: codec, expected: 'a codec with name, fold, sizeOf, end' });
}
