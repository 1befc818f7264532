import { ownBytes, SharedBody } from '../../infra/log/shared-body.ts';
import { makeEntry } from '../../infra/log/entry.ts';
import type { Entry } from '../../api/entry.ts';
import { base64Of, copyOf, isBytes, bytesIn } from '../../infra/wire/bytes-body.ts';
import { parseObject } from '../../infra/wire/json-object.ts';

/**
 * The messages that the hubs of several processes exchange beside the log (`DeliveryLog.notify`). The first letter is the kind. An unknown
 * kind is ignored, so that two versions can run together during a deploy.
 */
const VOLATILE = 'v';

/** A volatile message of bytes, as base64. */
const VOLATILE_BYTES = 'b';

/**
 * A larger volatile message stays in its process: a node message is one string, made in one go. A log in Redis sends it as one command, so
 * a line that needs longer than `commandTimeoutMs` for it loses its connections.
 */
export const MAX_NODE_MESSAGE_BYTES = 1024 * 1024;

/** Encodes a volatile message: its header on one line, then its JSON or base64. */
export function encodeVolatile(entry: Entry, now: number): string {
  const ms = entry.expiresAt === Infinity ? undefined : Math.max(0, Math.round(entry.expiresAt - now));
  const header = JSON.stringify({
    id: entry.id,
    ms,
    at: entry.at,
    n: entry.except,
    m: entry.isShared || undefined,
    tp: entry.traceparent,
  });
  const { body } = entry;
  return isBytes(body)
    ? `${VOLATILE_BYTES}${header}\n${base64Of(bytesIn(body))}`
    : `${VOLATILE}${header}\n${Buffer.concat(body.chunks).toString()}`;
}

/** The volatile message in a node message, or undefined if it is of another kind. */
export function decodeVolatile(threadId: string, message: string, now: number): Entry | undefined {
  const end = message.indexOf('\n');
  const kind = message.slice(0, 1);
  if (end < 0 || (kind !== VOLATILE && kind !== VOLATILE_BYTES)) return undefined;
  const { id, ms, at, n, m, tp } = parseObject(message.slice(VOLATILE.length, end)) ?? {};
  if (typeof id !== 'string') return undefined;
  const expiresAt = typeof ms === 'number' ? now + ms : Infinity;
  const content = message.slice(end + 1);
  const body = kind === VOLATILE ? new SharedBody([ownBytes(content)]) : copyOf(Buffer.from(content, 'base64'));
  const except = typeof n === 'string' ? n : undefined;
  const traceparent = typeof tp === 'string' ? tp : undefined;
  // without it, it is from a node of an earlier version
  const since = typeof at === 'number' ? at : undefined;
  const draft = { threadId, id, at: since, body, except, isShared: m === true, expiresAt, traceparent };
  return makeEntry({ ...draft, lane: 'volatile' }, 0, now);
}
