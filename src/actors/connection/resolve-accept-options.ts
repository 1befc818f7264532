import { checkChoice, checkFunction, checkNumber } from '../../infra/option-checks.ts';
import type { HubContext } from '../support/context.ts';
import type { Format } from '../../api/message.ts';
import type { AcceptOptions } from '../../api/connection.ts';

/** The options of one connection with defaults filled in. */
export interface ConnectionSettings {
  readonly id: string;
  readonly userId: string | undefined;
  /** What the application keeps with it. */
  readonly data: unknown;
  readonly format: Format;
  readonly authorize: (threadId: string) => boolean | Promise<boolean>;
  readonly onPublish: AcceptOptions['onPublish'];
  /** Of one frame of its client's. */
  readonly maxInputBytes: number;
}

const refuseAll = (): boolean => false;

/** @throws InvalidOptionError (`TC_INVALID_OPTION`) */
export function resolveAccept(options: AcceptOptions, { settings, newId }: HubContext): ConnectionSettings {
  const { maxInputBytes } = settings;
  return {
    id: newId(),
    userId: options.userId,
    data: options.data,
    format: checkChoice('format', options.format, 'json', ['json', 'plain']),
    authorize: checkFunction('authorize', options.authorize) ?? refuseAll,
    onPublish: checkFunction('onPublish', options.onPublish),
    maxInputBytes: checkNumber('maxInputBytes', options.maxInputBytes, maxInputBytes, { min: 1, max: maxInputBytes }),
  };
}
