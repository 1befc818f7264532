import type { InputLimits } from '../../api/input-limits.ts';
import { checkCount, checkNumber } from '../../infra/option-checks.ts';
import type { InputSettings } from '../support/settings.ts';

/** The largest frame that is read at all, even if the hub accepts only smaller ones. Up to this size, the hub refuses with an answer. */
const READ_BYTES = 1024 * 1024;

/** Bytes of unfinished messages: two thousand clients on slow lines, each in the middle of a frame of 64 KiB. */
const UNFINISHED_BYTES = 128 * 1024 * 1024;

/** @throws InvalidOptionError (`TC_INVALID_OPTION`) */
export function resolveInputLimits(limits: InputLimits): InputSettings {
  const atLeastOne = { min: 1 };
  const rate = (option: keyof InputLimits, fallback: number): number =>
    checkNumber(option, limits[option], fallback, atLeastOne);
  const maxInputBytes = checkCount('maxInputBytes', limits.maxInputBytes, 64 * 1024, atLeastOne);
  const perConnection = rate('maxInputPerSecond', 1_000);
  const maxFrameBytes = Math.max(READ_BYTES, maxInputBytes);
  const mostUnfinished = Math.max(UNFINISHED_BYTES, 16 * maxFrameBytes);
  return {
    maxInputBytes,
    maxFrameBytes,
    maxUnfinishedBytes: checkCount('maxUnfinishedBytes', limits.maxUnfinishedBytes, mostUnfinished, atLeastOne),
    maxThreadsPerConnection: checkCount('maxThreadsPerConnection', limits.maxThreadsPerConnection, 10_000, atLeastOne),
    maxThreads: checkCount('maxThreads', limits.maxThreads, 250_000, atLeastOne),
    rates: {
      perConnection,
      perUser: rate('maxInputPerSecondPerUser', 2 * perConnection),
      perAddress: rate('maxInputPerSecondPerAddress', Math.max(10_000, 10 * perConnection)),
      total: rate('maxInputPerSecondTotal', Math.max(50_000, 50 * perConnection)),
    },
  };
}
