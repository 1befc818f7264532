import { parseObject } from '../../infra/wire/json-object.ts';
import type { Canceller } from '../../api/stream.ts';

/** The messages that the hubs of several processes exchange about the token streams of a thread; see `node-messages.ts`. */
export type ReplicationMessage =
  /** Text, from the process that publishes the stream. Without text it only says that the publisher is alive. */
  | {
      readonly k: 'tok';
      readonly s: string;
      readonly at: number;
      readonly d: string;
      readonly ms: number;
      /** The text comes from a process that only holds a copy and answers a question with `lost`. */
      readonly copy?: true | undefined;
    }
  /** Asks the publisher of this stream, or of any stream, for its text from an offset. */
  | {
      readonly k: 'ask';
      readonly s?: string | undefined;
      readonly at: number;
      /** The publisher is presumed dead: every process that has more text sends it. */
      readonly lost?: true | undefined;
    }
  /** A member of the thread asks to end the stream. */
  | { readonly k: 'cancel'; readonly s: string; readonly by: Canceller };

const STREAM = 's';

export function encodeReplication(message: ReplicationMessage): string {
  return STREAM + JSON.stringify(message);
}

/** The message about streams in this text, or undefined if it is about something else. */
export function decodeReplication(text: string): ReplicationMessage | undefined {
  if (!text.startsWith(STREAM)) return undefined;
  const { k, s, at, d, ms, by, copy, lost } = parseObject(text.slice(STREAM.length)) ?? {};
  if (k === 'ask' && isPosition(at) && (s === undefined || typeof s === 'string'))
    return { k, s, at, lost: lost === true || undefined };
  if (typeof s !== 'string') return undefined;
  if (k === 'tok' && isPosition(at) && typeof d === 'string' && typeof ms === 'number')
    return { k, s, at, d, ms, copy: copy === true || undefined };
  if (k !== 'cancel' || typeof by !== 'object' || by === null) return undefined;
  const connectionId = 'connectionId' in by ? by.connectionId : undefined;
  const userId = 'userId' in by ? by.userId : undefined;
  if (typeof connectionId !== 'string' || (userId !== undefined && typeof userId !== 'string')) return undefined;
  return { k, s, by: { connectionId, userId } };
}

const isPosition = (value: unknown): value is number => Number.isSafeInteger(value) && Number(value) >= 0;
