import { parseObject } from '../../infra/wire/json-object.ts';
import type { Canceller } from '../../api/stream.ts';
import type { Replica, ReplicatedFold, ReplicatedPiece } from './replica.ts';

/** The messages that the hubs of several processes exchange about the token streams of a thread; see `node-messages.ts`. */
export type ReplicationMessage =
  /** Content, from the process that publishes the stream. Without content it only says that the publisher is alive. */
  | {
      readonly k: 'tok';
      readonly s: string;
      readonly at: number;
      readonly d: string | readonly ReplicatedFold[];
      readonly ms: number;
      /** The codec of chunks. Other processes take them if they know it; those of version 0.1 take no lists. */
      readonly cd?: string | undefined;
      /** The content comes from a process that only holds a copy and answers a question with `lost`. */
      readonly copy?: true | undefined;
      /** At the beginning: the `traceparent` of the span that makes the stream. */
      readonly tp?: string | undefined;
    }
  /** A piece of a chunk that is too big for one message. Processes that do not know this kind get the final message. */
  | (Omit<ReplicatedPiece, 'text' | 'isTransient'> & {
      readonly k: 'part';
      readonly s: string;
      readonly at: number;
      readonly to: number;
      readonly d: string;
      readonly ms: number;
      readonly cd: string;
      readonly copy?: true | undefined;
      readonly tr?: true | undefined;
    })
  /** Asks the publisher of this stream, or of any stream, for its text from an offset. */
  | {
      readonly k: 'ask';
      readonly s?: string | undefined;
      readonly at: number;
      /** Pieces that are known of the big chunk there. */
      readonly n?: number | undefined;
      /** The publisher is presumed dead: every process that has more text sends it. */
      readonly lost?: true | undefined;
    }
  /** A member of the thread asks to end the stream. */
  | { readonly k: 'cancel'; readonly s: string; readonly by: Canceller };

export type ContentMessage = Extract<ReplicationMessage, { k: 'tok' | 'part' }>;

const STREAM = 's';

export function encodeReplication(message: ReplicationMessage): string {
  return STREAM + JSON.stringify(message);
}

/** The message about streams in this text, or undefined if it is about something else. */
export function decodeReplication(text: string): ReplicationMessage | undefined {
  if (!text.startsWith(STREAM)) return undefined;
  const fields = parseObject(text.slice(STREAM.length)) ?? {};
  const { k, s, at, d, ms, by, copy, lost, cd, n, tp } = fields;
  if (k === 'ask' && isPosition(at) && (s === undefined || typeof s === 'string'))
    return { k, s, at, n: isPosition(n) ? n : undefined, lost: lost === true || undefined };
  if (typeof s !== 'string') return undefined;
  if (k === 'part') return partIn(s, fields);
  if (k === 'tok' && isPosition(at) && typeof ms === 'number') {
    const content = typeof d === 'string' ? d : typeof cd === 'string' ? foldsIn(d) : undefined;
    if (content === undefined) return undefined;
    const codec = typeof cd === 'string' ? cd : undefined;
    const marks = { copy: copy === true || undefined, tp: typeof tp === 'string' ? tp : undefined } as const;
    return { k, s, at, d: content, ms, cd: codec, ...marks };
  }
  if (k !== 'cancel' || typeof by !== 'object' || by === null) return undefined;
  const connectionId = 'connectionId' in by ? by.connectionId : undefined;
  const userId = 'userId' in by ? by.userId : undefined;
  if (typeof connectionId !== 'string' || (userId !== undefined && typeof userId !== 'string')) return undefined;
  return { k, s, by: { connectionId, userId } };
}

function partIn(s: string, fields: Readonly<Record<string, unknown>>): ReplicationMessage | undefined {
  const { at, to, n, of, d, ms, cd, copy, tr, order } = fields;
  if (!isPosition(at) || !isPosition(to) || !isPosition(n) || !isPosition(of) || n >= of) return undefined;
  if (typeof d !== 'string' || typeof ms !== 'number' || typeof cd !== 'string') return undefined;
  const place = order === 'late' || order === 'last' ? order : undefined;
  const marks = { copy: copy === true || undefined, tr: tr === true || undefined } as const;
  return { k: 'part', s, at, to, n, of, d, ms, cd, order: place, ...marks };
}

const isPosition = (value: unknown): value is number => Number.isSafeInteger(value) && Number(value) >= 0;

/** The content of a message, as a stream takes it. */
export function replicaIn(message: ContentMessage): Replica {
  const { at } = message;
  if (message.k === 'tok') return { at, to: at, d: message.d };
  const { to, n, of, d: text, tr, order } = message;
  return { at, to, d: { n, of, text, isTransient: tr === true, order } };
}

function foldsIn(list: unknown): readonly ReplicatedFold[] | undefined {
  if (!Array.isArray(list)) return undefined;
  const folds: ReplicatedFold[] = [];
  for (const fold of list) {
    if (!Array.isArray(fold)) return undefined;
    const [at, to, chunk, transient]: unknown[] = fold;
    if (!isPosition(at) || !isPosition(to)) return undefined;
    folds.push(transient === 1 ? [at, to, chunk, transient] : [at, to, chunk]);
  }
  return folds;
}
