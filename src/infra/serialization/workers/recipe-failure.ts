import { asError, MessageTooLargeError, UnserializableMessageError, WorkerFailedError } from '../../errors.ts';
import type { ThreadcastError } from '../../errors.ts';
import { unpackError } from './carried-error.ts';
import type { RecipeTask, FailedReply } from './worker-protocol.ts';

/** A worker's own account of why there is no message, as the error that the sender sees. */
export function errorOfReply(task: Pick<RecipeTask, 'url' | 'maxBytes'>, reply: FailedReply): ThreadcastError {
  if (reply.kind === 'tooLarge') return new MessageTooLargeError({ bytes: reply.bytes, limit: task.maxBytes });
  const cause = reply.cause && unpackError(reply.cause);
  if (reply.kind === 'unserializable')
    return new UnserializableMessageError({ reason: reply.reason, path: reply.path, cause });
  return workerFailed(task, reply.reason, cause);
}

/** A worker that died over a task: it exited, ran out of memory, or something in it threw an error that was not caught. */
export function errorOfCrash(task: RecipeTask, cause: unknown): WorkerFailedError {
  return workerFailed(task, crashReason(cause), cause);
}

/** No worker could be started: the process may not have any, or has no file for them. */
export function errorOfStart(task: RecipeTask, cause: unknown): WorkerFailedError {
  return workerFailed(task, `no worker can be started: ${asError(cause).message}`, cause);
}

function crashReason(cause: unknown): string {
  if (!(cause instanceof Error)) return `its worker died: ${String(cause)}`;
  if ('code' in cause && cause.code === 'ERR_WORKER_OUT_OF_MEMORY') return 'its worker ran out of memory';
  return `its worker died: ${cause.message}`;
}

function workerFailed(task: Pick<RecipeTask, 'url'>, reason: string, cause?: unknown): WorkerFailedError {
  return new WorkerFailedError({ url: shortUrl(task.url), reason, cause });
}

/** A `data:` URL holds a whole module, which is not what a log line is for. */
export function shortUrl(url: string): string {
  return url.startsWith('data:') && url.length > 100 ? `${url.slice(0, 97)}...` : url;
}
