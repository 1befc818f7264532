import { InvalidOptionError } from '../../infra/errors.ts';
import type { WantedSender } from '../../infra/native/shared-sender.ts';
import { checkCount } from '../../infra/option-checks.ts';
import { checkOptions } from '../../infra/option-table.ts';
import type { NativeSenderOptions } from '../../api/options.ts';

/** @throws InvalidOptionError (`TC_INVALID_OPTION`) */
export function resolveNativeSender(value: boolean | NativeSenderOptions | undefined): WantedSender {
  if (value === false) return false;
  const options = value === undefined || value === true ? {} : value;
  if (typeof options !== 'object' || options === null) {
    throw new InvalidOptionError({ option: 'nativeSender', value, expected: 'true, false or an object' });
  }
  checkOptions<NativeSenderOptions>(options, { threads: 'number' }, 'nativeSender');
  const threads = checkCount('nativeSender.threads', options.threads, 1, { min: 1, max: 2 });
  return { threads };
}
