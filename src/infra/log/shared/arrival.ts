import type { EntryDraft, EntryKind } from '../../../api/entry.ts';
import { parseObject } from '../../wire/json-object.ts';
import { isId } from '../ids.ts';

/** An entry as the shared log reports it. */
export interface Arrival {
  readonly epoch: string;
  readonly offset: number;
  /** When it was logged, in the log's milliseconds. */
  readonly at: number;
  readonly id: string;
  readonly header: Header;
  /** Undefined if the message is large and its body has to be read in pieces. */
  readonly body: readonly Buffer[] | undefined;
}

/** A body that the log keeps in pieces. */
export interface PiecesRef {
  readonly name: string;
  readonly count: number;
  readonly bytes: number;
}

/** An entry as read from the log: with its body, or a reference to its pieces. */
export interface StoredArrival extends Arrival {
  readonly pieces: PiecesRef | undefined;
}

/** The fields of an entry besides its id and body; short names, because they are in each entry. */
export interface Header {
  /** The node that appended it. */
  readonly by: string;
  readonly isCritical: boolean;
  readonly except: string | undefined;
  readonly isShared: boolean;
  readonly key: string | undefined;
  /** How long it is worth delivering, in milliseconds from `at`. */
  readonly ms: number | undefined;
  readonly traceparent: string | undefined;
  /** Undefined for an entry of a later version: it keeps its offset, and is not delivered. */
  readonly kind: EntryKind | undefined;
  readonly target: string | undefined;
  readonly isEdited: boolean;
}

/** What is in the header of an entry that is no message. */
const SIGNS = { replace: 'r', remove: 'd', notice: 'n' } as const;
const KINDS = ['replace', 'remove', 'notice'] as const;

export function encodeHeader(draft: EntryDraft, nodeId: string, now: number): string {
  return JSON.stringify({
    b: nodeId,
    l: draft.lane === 'critical' ? 1 : undefined,
    n: draft.except,
    m: draft.isShared === true ? 1 : undefined,
    k: draft.key,
    x: draft.expiresAt === Infinity ? undefined : Math.max(0, Math.round(draft.expiresAt - now)),
    t: draft.traceparent,
    e: draft.kind === undefined || draft.kind === 'message' ? undefined : SIGNS[draft.kind],
    r: draft.target,
  });
}

export function decodeHeader(text: string): Header {
  const { b, l, n, m, k, x, t, e, r, v } = parseObject(text) ?? {};
  return {
    by: typeof b === 'string' ? b : '',
    isCritical: l === 1,
    except: typeof n === 'string' ? n : undefined,
    isShared: m === 1,
    key: typeof k === 'string' ? k : undefined,
    ms: typeof x === 'number' ? x : undefined,
    traceparent: typeof t === 'string' ? t : undefined,
    kind: e === undefined ? 'message' : KINDS.find((kind) => SIGNS[kind] === e),
    target: typeof r === 'string' ? r : undefined,
    isEdited: v === 1,
  };
}

/** The header of an entry that is no message, or of a later version: it keeps its offset, and is not delivered. */
export const UNKNOWN: Header = { ...decodeHeader('{}'), kind: undefined };

/** An id as the log has it; empty where it is none: a position with it would be refused. */
export const idIn = (text: string): string => (isId(text) ? text : '');

/** Bytes of the body, as far as it is present. */
export const bytesOf = ({ body }: Arrival): number => (body ?? []).reduce((sum, { length }) => sum + length, 0);

/** The position of a thread in the log. */
export interface Anchor {
  readonly epoch: string;
  readonly head: number;
  readonly headId: string;
  /** The log's time. */
  readonly now: number;
  /** Id of the entry at the offset that was asked about, if a newer entry exists. */
  readonly known: string | undefined;
}

/** The epoch of a thread that was erased begins so: a node that was away finds out by it. */
const AFTER_ERASURE = 'd_';

export const epochAfterErasure = (epoch: string): string => `${AFTER_ERASURE}${epoch}`.slice(0, 64);

export const isAfterErasure = (epoch: string): boolean => epoch.startsWith(AFTER_ERASURE);

/** Copied from the socket's buffer, which it would otherwise keep in memory as a whole. */
export function kept(view: Buffer): Buffer {
  const copy = Buffer.allocUnsafeSlow(view.length);
  copy.set(view);
  return copy;
}
