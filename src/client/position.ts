import { textOf } from './fields.ts';

/** The client's position in a thread: the epoch of the log, then offset and id of the last message received. */
export interface Position {
  readonly epoch: string;
  /** 0 before the first message. */
  readonly offset: number;
  /** Empty before the first message. */
  readonly id: string;
}

/** The position in a text `epoch.offset.id`, or undefined if it is invalid. */
export function parsePosition(text: unknown): Position | undefined {
  const [, epoch, offset, id = ''] = /^([\w-]{1,64})\.(\d{1,15})\.([\w.:-]{0,128})$/.exec(textOf(text) ?? '') ?? [];
  return epoch ? { epoch, offset: Number(offset), id } : undefined;
}

/** The text `epoch.offset.id`. */
export function formatPosition({ epoch, offset, id }: Position): string {
  return `${epoch}.${offset}.${id}`;
}
