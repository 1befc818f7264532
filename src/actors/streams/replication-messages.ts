import { parseObject } from '../../infra/wire/json-object.ts';
import type { Canceller } from '../../api/stream.ts';

/** What the hubs of several processes tell each other about the token streams of a thread; see `node-messages.ts`. */
export type ReplicationMessage =
  /** Text, from the process that publishes the stream; without any, that the publisher lives. */
  | {
      readonly k: 'tok';
      readonly s: string;
      readonly at: number;
      readonly d: string;
      readonly ms: number;
      /** From a process that only holds a copy: it answers `lost`. */
      readonly copy?: true | undefined;
    }
  /** Whoever publishes this stream, or any: tell its text from there. */
  | {
      readonly k: 'ask';
      readonly s?: string | undefined;
      readonly at: number;
      /** Its publisher is taken for dead: all that know more are to tell it. */
      readonly lost?: true | undefined;
    }
  /** A member of the thread asks for the end. */
  | { readonly k: 'cancel'; readonly s: string; readonly by: Canceller };

const STREAM = 's';

export function encodeReplication(message: ReplicationMessage): string {
  return STREAM + JSON.stringify(message);
}

/** The note about streams in this text, or undefined where it is something else. */
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
