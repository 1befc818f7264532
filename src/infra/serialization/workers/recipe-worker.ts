/** The worker's side: what piscina loads in each thread and calls once for each task. */
import { constants } from 'node:buffer';
import { move, transferableSymbol, valueSymbol } from 'piscina';
import { UnserializableMessageError } from '../../errors.ts';
import { buildRecipe } from './build-recipe.ts';
import { packError } from './carried-error.ts';
import { epochNow } from './worker-protocol.ts';
import type { FailedReply, RecipeTask, WorkerReply, WorkerTask } from './worker-protocol.ts';

/**
 * Resolves to a `WorkerReply`, marked for transfer if there are bytes. Never rejects for what a recipe does: a rejection,
 * for the pool, is a worker that died.
 */
export default async function work(task: WorkerTask): Promise<unknown> {
  let reply: WorkerReply;
  switch (task.kind) {
    case 'recipe':
      reply = await encodeRecipe(task);
      break;
  }
  if (reply.kind !== 'encoded') return reply;
  return move({ [transferableSymbol]: reply.json, [valueSymbol]: reply });
}

async function encodeRecipe(task: RecipeTask): Promise<WorkerReply> {
  const startedAt = epochNow();
  const built = await buildRecipe(task);
  if ('kind' in built) return built;
  const builtAt = epochNow();
  const lost = task.refuseLossy ? await findLost(built.value) : undefined;
  if (lost !== undefined) return lost;
  const json = encode(built.value, task.maxBytes);
  if (!(json instanceof ArrayBuffer)) return json;
  const endedAt = epochNow();
  return {
    kind: 'encoded',
    json,
    startedAt,
    endedAt,
    buildMs: builtAt - startedAt,
    stringifyMs: endedAt - builtAt,
  };
}

/** Serializes once more, only to find what JSON would lose. */
async function findLost(value: unknown): Promise<FailedReply | undefined> {
  const { encodeSync, SegmentPool } = await import('../slicer/slicer.ts');
  try {
    encodeSync(value, { pool: new SegmentPool(), maxBytes: Infinity, refuseLossy: true }).body?.release();
  } catch (error) {
    if (error instanceof UnserializableMessageError && error.isLossy) {
      return { kind: 'unserializable', reason: error.reason, path: error.path };
    }
  }
  return undefined;
}

function encode(value: unknown, maxBytes: number): ArrayBuffer | FailedReply {
  let text: string | undefined;
  try {
    text = JSON.stringify(value);
  } catch (error) {
    if (isStringTooLong(error)) return { kind: 'tooLarge', bytes: constants.MAX_STRING_LENGTH };
    const cause = packError(error);
    // V8 draws a cycle over several lines; a reason is one.
    return { kind: 'unserializable', reason: cause.message.replaceAll(/\s+/g, ' '), cause };
  }
  if (text === undefined) return { kind: 'unserializable', reason: `the recipe's result is ${describe(value)}` };
  const bytes = Buffer.byteLength(text);
  if (bytes > maxBytes) return { kind: 'tooLarge', bytes };
  // A buffer of its own, as those of Node's pool cannot be transferred; unzeroed, as all of it is written.
  const json = Buffer.allocUnsafeSlow(bytes);
  json.write(text);
  return json.buffer;
}

/** JSON beyond V8's longest string, half a gigabyte. */
function isStringTooLong(error: unknown): boolean {
  return error instanceof RangeError && error.message === 'Invalid string length';
}

function describe(value: unknown): string {
  return typeof value === 'object' ? 'an object whose toJSON returns nothing' : `${typeof value}, which is no JSON`;
}
