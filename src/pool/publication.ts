import type { VolatilePublishOptions } from '../client/api.ts';
import { framed } from '../client/bytes.ts';
import { checkOptions } from '../client/check-options.ts';
import { encodeRequest } from '../client/frames.ts';
import { checkId } from '../client/options.ts';
import type { Frame } from '../client/socket.ts';
import { toJson } from '../client/client.ts';

/** The frame of a message, and its id. */
export interface Publication {
  readonly id: string;
  readonly frame: Frame;
}

/** Bytes are copied. @throws InvalidOptionError, UnserializableMessageError */
export function encodePublication(
  threadId: string,
  data: unknown,
  options: Partial<VolatilePublishOptions>,
  newId: () => string,
): Publication {
  checkOptions<Partial<VolatilePublishOptions>>(options, {
    id: 'string',
    timeoutMs: 1,
    trace: 'string',
    volatile: 'boolean',
  });
  const id = checkId('id', options.id ?? newId());
  const head = encodeRequest({ t: 'pub', th: threadId, id, tp: options.trace });
  const open = head.slice(0, -1);
  return { id, frame: data instanceof Uint8Array ? framed(open, data) : `${open},"d":${toJson(data)}}` };
}
