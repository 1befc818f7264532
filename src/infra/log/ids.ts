import { randomUUID } from 'node:crypto';
import { InvalidPositionError, InvalidThreadIdError } from '../errors.ts';

/** Of threads and messages. */
const ID = /^[\w.:-]{1,128}$/;

/** Whether it is what a thread or a message may be called, `^[\w.:-]{1,128}$`. */
export function isId(id: unknown): id is string {
  return typeof id === 'string' && ID.test(id);
}

/** @throws InvalidThreadIdError (`TC_INVALID_THREAD_ID`) unless it matches `^[\w.:-]{1,128}$`. */
export function assertThreadId(threadId: unknown): asserts threadId is string {
  if (!isId(threadId)) throw new InvalidThreadIdError(threadId);
}

/** A message or connection id: 128 random bits. Injected as `newId`, so that a run can be replayed from a seed. */
export const randomId = (): string => randomUUID();

/** Where a subscription stands in a log. Written `epoch.offset.id`, so that a client without our code can keep it. */
export interface Position {
  /** Names one life of the log; a new one starts when a log lost its history. */
  readonly epoch: string;
  /** Offset of the last message received; 0 before the first. */
  readonly offset: number;
  /** Id of that message; empty before the first, or where the client did not keep it. */
  readonly id: string;
}

export function formatPosition(position: Position): string {
  return `${position.epoch}.${position.offset}.${position.id}`;
}

/** @throws InvalidPositionError (`TC_INVALID_POSITION`) */
export function parsePosition(text: string): Position {
  const match = /^([\w-]{1,64})\.(\d{1,15})\.([\w.:-]{0,128})$/.exec(text);
  const [, epoch, offset, id] = match ?? [];
  if (epoch === undefined || offset === undefined || id === undefined) throw new InvalidPositionError(text);
  return { epoch, offset: Number(offset), id };
}
