import { ownBytes, SharedBody } from '../../infra/log/shared-body.ts';
import { makeEntry } from '../../infra/log/entry.ts';
import type { Entry } from '../../api/entry.ts';
import { parseObject } from '../../infra/wire/json-object.ts';

/**
 * What the hubs of several processes tell each other beside the log (`DeliveryLog.notify`): the first letter says what it is, and
 * an unknown one is ignored, so that two versions can live side by side during a deploy.
 */
const VOLATILE = 'v';

/**
 * A larger volatile message stays in its process: a note is one string, made in one go. A log in Redis sends it as one command, so a line
 * that needs longer than `commandTimeoutMs` for it loses its connections.
 */
export const MAX_NODE_MESSAGE_BYTES = 1024 * 1024;

/** A volatile message: what has to be known of it on one line, then its JSON. */
export function encodeVolatile(entry: Entry, now: number): string {
  const ms = entry.expiresAt === Infinity ? undefined : Math.max(0, Math.round(entry.expiresAt - now));
  return `${VOLATILE}${JSON.stringify({ id: entry.id, ms, tp: entry.traceparent })}\n${Buffer.concat(entry.body.chunks).toString()}`;
}

/** The volatile message of a note, or undefined where it is something else. */
export function decodeVolatile(threadId: string, message: string, now: number): Entry | undefined {
  const end = message.indexOf('\n');
  if (end < 0 || !message.startsWith(VOLATILE)) return undefined;
  const { id, ms, tp } = parseObject(message.slice(VOLATILE.length, end)) ?? {};
  if (typeof id !== 'string') return undefined;
  const expiresAt = typeof ms === 'number' ? now + ms : Infinity;
  const body = new SharedBody([ownBytes(message.slice(end + 1))]);
  const traceparent = typeof tp === 'string' ? tp : undefined;
  return makeEntry({ threadId, id, lane: 'volatile', body, expiresAt, traceparent }, 0, now);
}
