import { createHash, randomFillSync, randomUUID } from 'node:crypto';
import type { Position } from '../../api/log.ts';
import { InvalidOptionError, InvalidPositionError, InvalidThreadIdError } from '../errors.ts';

export const MAX_ID_LENGTH = 128;

/** Ids of messages, streams and connections. */
const ID = /^[\w.:-]{1,128}$/;

/** No control characters and no lone surrogates. The length in bytes is checked separately. */
const THREAD_ID = /^[^\p{Cc}\p{Cs}]{1,256}$/u;

const POSITION = /^([\w-]{1,64})\.(\d{1,15})\.([\w.:-]{0,128})$/;

const EPOCH = /^[\w-]{1,64}$/;

const MAX_THREAD_ID_BYTES = 256;

const ID_BYTES = 16;

/** Thread ids that begin with this character are the library's own. */
const RESERVED = '~';

/** Whether it is a valid id of a message, a stream or a connection: `^[\w.:-]{1,128}$`. */
export function isId(id: unknown): id is string {
  return typeof id === 'string' && ID.test(id);
}

/**
 * Checks an id that the application gives.
 * @throws InvalidOptionError (`TC_INVALID_OPTION`) unless it matches `^[\w.:-]{1,128}$`
 */
export function checkId(option: string, value: unknown): string {
  if (isId(value)) return value;
  throw new InvalidOptionError({ option, value, expected: `a text that matches ${ID.source}` });
}

/** Whether it is a thread id, the library's own included: 1 to 256 bytes of UTF-8 without control characters or lone surrogates. */
export function isThreadId(id: unknown): id is string {
  return typeof id === 'string' && THREAD_ID.test(id) && Buffer.byteLength(id) <= MAX_THREAD_ID_BYTES;
}

/** Whether it is the id of one of the library's own threads. */
export function isOwnThreadId(threadId: string): boolean {
  return threadId.startsWith(RESERVED);
}

/**
 * Checks a thread id that an application or a client gives.
 * @throws InvalidThreadIdError (`TC_INVALID_THREAD_ID`) unless it is a thread id that does not begin with `~`
 */
export function assertThreadId(threadId: unknown): asserts threadId is string {
  if (!isThreadId(threadId) || isOwnThreadId(threadId)) throw new InvalidThreadIdError(threadId);
}

/**
 * The thread for messages to a user. A user id that is not valid in a thread id is hashed (SHA-256 of its UTF-16, base64url). The hash
 * follows a `#`, which no literal user id can have at that place.
 */
export function userThreadId(userId: string): string {
  const literal = `${RESERVED}user:${userId}`;
  if (isThreadId(literal)) return literal;
  return `${RESERVED}user#${createHash('sha256').update(userId, 'utf16le').digest('base64url')}`;
}

/** Whether it is the thread of a user. */
export function isUserThread(threadId: string): boolean {
  return threadId.startsWith(`${RESERVED}user`);
}

/** The thread for messages to one connection. */
export function connectionThreadId(connectionId: string): string {
  return `${RESERVED}connection:${connectionId}`;
}

/** Whether it is the thread of one connection, which no client can read once that has ended. */
export function isConnectionThread(threadId: string): boolean {
  return threadId.startsWith(connectionThreadId(''));
}

/**
 * Checks a user id that the application gives.
 * @throws InvalidOptionError (`TC_INVALID_OPTION`), also for an empty id: a lost cookie must not merge many users into one
 */
export function assertUserId(option: string, userId: unknown): asserts userId is string {
  if (typeof userId === 'string' && userId !== '') return;
  throw new InvalidOptionError({ option, value: userId, expected: 'a text that is not empty' });
}

/** Random bytes for ids to come. */
const pool = Buffer.allocUnsafeSlow(4_096);
let used = pool.length;

/**
 * A message or connection id: 128 random bits, base64url. Injected as `newId`, so that a seed can replay a run. A UUID would be put together
 * from 20 pieces, which takes 1 KB of garbage for each message.
 */
export function randomId(): string {
  if (used === pool.length) {
    randomFillSync(pool);
    used = 0;
  }
  used += ID_BYTES;
  return pool.toString('base64url', used - ID_BYTES, used);
}

/** Names one epoch of a log in positions: 48 random bits. */
export const randomEpoch = (): string => randomUUID().slice(-12);

/**
 * Checks the epochs that a generator makes.
 * @throws InvalidOptionError (`TC_INVALID_OPTION`): a dot in an epoch would break all positions in it
 */
export function checkedEpochs(newEpoch: () => string): () => string {
  return () => {
    const epoch: unknown = newEpoch();
    if (typeof epoch === 'string' && EPOCH.test(epoch)) return epoch;
    throw new InvalidOptionError({
      option: 'log.newEpoch()',
      value: epoch,
      expected: `a text that matches ${EPOCH.source}`,
    });
  };
}

export function formatPosition(position: Position): string {
  return `${position.epoch}.${position.offset}.${position.id}`;
}

/** @throws InvalidPositionError (`TC_INVALID_POSITION`) */
export function parsePosition(text: unknown): Position {
  const match = typeof text === 'string' ? POSITION.exec(text) : null;
  const [, epoch, offset, id] = match ?? [];
  if (epoch === undefined || offset === undefined || id === undefined) throw new InvalidPositionError(text);
  return { epoch, offset: Number(offset), id };
}
