import { SharedBody } from '../shared-body.ts';
import type { EntryDraft, EntryKind } from '../../../api/entry.ts';
import type { Position } from '../../../api/log.ts';
import { parseObject } from '../../wire/json-object.ts';

/** An entry as Redis reports it. */
export interface Arrival {
  readonly epoch: string;
  readonly offset: number;
  /** When it was logged, in Redis's milliseconds. */
  readonly at: number;
  readonly id: string;
  readonly header: Header;
  /** Undefined if the message is large and its body has to be read in pieces. */
  readonly body: readonly Buffer[] | undefined;
}

/** A body that is in Redis in pieces. */
export interface PiecesRef {
  readonly name: string;
  readonly count: number;
  readonly bytes: number;
}

/** An entry as read from Redis: with its body, or a reference to its pieces. */
export interface StoredArrival extends Arrival {
  readonly pieces: PiecesRef | undefined;
}

/** The fields of an entry besides its id and body; short names, because they are in each entry. */
export interface Header {
  /** The node that appended it. */
  readonly by: string;
  readonly isCritical: boolean;
  readonly except: string | undefined;
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
    k: draft.key,
    x: draft.expiresAt === Infinity ? undefined : Math.max(0, Math.round(draft.expiresAt - now)),
    t: draft.traceparent,
    e: draft.kind === undefined || draft.kind === 'message' ? undefined : SIGNS[draft.kind],
    r: draft.target,
  });
}

function decodeHeader(text: string): Header {
  const { b, l, n, k, x, t, e, r, v } = parseObject(text) ?? {};
  return {
    by: typeof b === 'string' ? b : '',
    isCritical: l === 1,
    except: typeof n === 'string' ? n : undefined,
    key: typeof k === 'string' ? k : undefined,
    ms: typeof x === 'number' ? x : undefined,
    traceparent: typeof t === 'string' ? t : undefined,
    kind: e === undefined ? 'message' : KINDS.find((kind) => SIGNS[kind] === e),
    target: typeof r === 'string' ? r : undefined,
    isEdited: v === 1,
  };
}

const UNKNOWN: Header = { ...decodeHeader('{}'), kind: undefined };

/** Bytes of the body, as far as it is present. */
export const bytesOf = ({ body }: Arrival): number => (body ?? []).reduce((sum, { length }) => sum + length, 0);

/** The draft of an entry that came from Redis. `loggedAt` is on this process's clock. */
export function draftOf(threadId: string, { at, id, header, body }: Arrival, loggedAt: number): EntryDraft {
  return {
    threadId,
    id,
    lane: header.isCritical ? 'critical' : 'normal',
    body: new SharedBody(body ?? []),
    kind: header.kind,
    target: header.target,
    isEdited: header.isEdited,
    except: header.except,
    key: header.key,
    at,
    expiresAt: expiryOf(header, loggedAt),
    traceparent: header.traceparent,
  };
}

function expiryOf({ kind, ms }: Header, loggedAt: number): number {
  if (kind === undefined || kind === 'notice') return -Infinity;
  return ms === undefined ? Infinity : loggedAt + ms;
}

const SPACE = 0x20;
/** `E`: an entry. `L`: one without its body. */
const ENTRY = 'E'.charCodeAt(0);
const LARGE = 'L'.charCodeAt(0);
const NOTE = 'N'.charCodeAt(0);
const PROBE = 'P'.charCodeAt(0);

export type News =
  | { readonly kind: 'erased' }
  | { readonly kind: 'probe'; readonly by: string }
  | { readonly kind: 'entry'; readonly arrival: Arrival }
  | { readonly kind: 'note'; readonly by: string; readonly message: string };

export const encodeNodeMessage = (nodeId: string, message: string): string => `N${nodeId} ${message}`;

/** What was published when a thread was erased. */
export const ERASED = 'D';

/** The epoch of a thread that was erased begins so: a node that was away finds out by it. */
const AFTER_ERASURE = 'd_';

export const epochAfterErasure = (epoch: string): string => `${AFTER_ERASURE}${epoch}`.slice(0, 64);

export const isAfterErasure = (epoch: string): boolean => epoch.startsWith(AFTER_ERASURE);

export const encodeProbe = (nodeId: string): string => `P${nodeId}`;

/** What was published on a thread's channel; undefined if it is not ours or of a later version. */
export function decodeNews(message: Buffer): News | undefined {
  const [kind] = message;
  if (kind === ERASED.charCodeAt(0)) return { kind: 'erased' };
  if (kind === PROBE) return { kind: 'probe', by: message.toString('latin1', 1) };
  if (kind === NOTE) {
    const end = message.indexOf(SPACE);
    if (end < 0) return undefined;
    return { kind: 'note', by: message.toString('latin1', 1, end), message: message.toString('utf8', end + 1) };
  }
  if (kind !== ENTRY && kind !== LARGE) return undefined;
  const [words, from] = wordsOf(message, 5);
  if (words === undefined) return undefined;
  const [epoch = '', offset, at, id = '', size] = words;
  const bodyAt = from + Number(size);
  return {
    kind: 'entry',
    arrival: {
      epoch,
      offset: Number(offset),
      at: Number(at),
      id,
      header: decodeHeader(message.toString('utf8', from, bodyAt)),
      body: kind === LARGE ? undefined : [kept(message.subarray(bodyAt))],
    },
  };
}

/** The notice that `APPEND` publishes, without the body: for listeners at another shard. */
export function encodeNotice({ epoch, offset, id }: Position, at: number, header: string): string {
  return `L${epoch} ${offset} ${at} ${id} ${Buffer.byteLength(header)} ${header}`;
}

/** This many words, after the sign, and the index after them. */
function wordsOf(text: Buffer, count: number): readonly [string[] | undefined, number] {
  const words: string[] = [];
  let from = 1;
  while (words.length < count) {
    const end = text.indexOf(SPACE, from);
    if (end < 0) return [undefined, from];
    words.push(text.toString('latin1', from, end));
    from = end + 1;
  }
  return [words, from];
}

/** Copied from the socket's buffer, which it would otherwise keep in memory as a whole. */
export function kept(view: Buffer): Buffer {
  const copy = Buffer.allocUnsafeSlow(view.length);
  copy.set(view);
  return copy;
}

/** A reply of `READ`; undefined if the thread has another epoch, or no log. */
export function decodeEntries(reply: unknown, epoch: string): StoredArrival[] | undefined {
  const [of, ...entries] = asArray(reply);
  if (asText(of) !== epoch) return undefined;
  const arrivals: StoredArrival[] = [];
  for (let i = 0; i + 1 < entries.length; i += 2) arrivals.push(decodeEntry(epoch, Number(entries[i]), entries[i + 1]));
  return arrivals;
}

function decodeEntry(epoch: string, offset: number, stored: unknown): StoredArrival {
  const value = Buffer.isBuffer(stored) ? stored : Buffer.from(asText(stored));
  const isLarge = value[0] === LARGE;
  const [words = [], from] = wordsOf(value, isLarge ? 6 : 3);
  const [at, id = '', name = '', count, bytes] = words;
  const place = { epoch, offset, at: Number(at), id };
  if (!isLarge && value[0] !== ENTRY) return { ...place, header: UNKNOWN, body: [], pieces: undefined };
  const bodyAt = from + Number(words.at(-1));
  const header = decodeHeader(value.toString('utf8', from, bodyAt));
  if (!isLarge) return { ...place, header, body: [kept(value.subarray(bodyAt))], pieces: undefined };
  return { ...place, header, body: undefined, pieces: { name, count: Number(count), bytes: Number(bytes) } };
}

/** The position of a thread in Redis. */
export interface Anchor {
  readonly epoch: string;
  readonly head: number;
  readonly headId: string;
  /** Redis's time. */
  readonly now: number;
  /** Id of the entry at the offset that was asked about, if a newer entry exists. */
  readonly known: string | undefined;
}

export function decodeAnchor(reply: unknown): Anchor {
  const [epoch, head, headId, now, known] = asArray(reply);
  return {
    epoch: asText(epoch),
    head: Number(head),
    headId: asText(headId),
    now: Number(asText(now)),
    known: known === null || known === undefined ? undefined : asText(known),
  };
}

/** The result of a batch of appends. */
export interface AppendReply {
  readonly epoch: string;
  readonly at: number;
  /** The smallest number of listeners that received a notice; -1 if there was no notice. */
  readonly listeners: number;
  /**
   * One for each append; negative for a known id, NaN where the message to be amended is not held. 0, and nothing after it, for an append
   * that has lost its upload.
   */
  readonly offsets: readonly number[];
}

export function decodeAppend(reply: unknown): AppendReply {
  const [epoch, at, listeners, ...offsets] = asArray(reply);
  return { epoch: asText(epoch), at: Number(asText(at)), listeners: Number(listeners), offsets: offsets.map(Number) };
}

/** True if a script found no log, and was given no position to begin one. */
export const isMissing = (reply: unknown): boolean => asText(asArray(reply)[0]) === '';

/** The position of a thread as `KEEP_POSITION` has written it. */
export function decodePosition(reply: unknown): Position | undefined {
  if (reply === null) return undefined;
  const [epoch, offset, id] = asText(reply).split(' ');
  return epoch === undefined || offset === undefined || id === undefined
    ? undefined
    : { epoch, offset: Number(offset), id };
}

/** A reply of `HEADS`. */
export function decodeHeads(reply: unknown): Position[] {
  const facts = asArray(reply);
  const heads: Position[] = [];
  for (let i = 0; i + 2 < facts.length; i += 3)
    heads.push({ epoch: asText(facts[i]), offset: Number(facts[i + 1]), id: asText(facts[i + 2]) });
  return heads;
}

/** A reply of `BEAT`. `before` is NaN if this node was not known. */
export interface BeatReply {
  readonly now: number;
  readonly before: number;
  readonly beats: ReadonlyMap<string, number>;
}

export function decodeBeat(reply: unknown): BeatReply {
  const [now, before, ...facts] = asArray(reply).map(asText);
  const beats = new Map<string, number>();
  for (let i = 0; i + 1 < facts.length; i += 2) beats.set(facts[i] ?? '', Number(facts[i + 1]));
  return { now: Number(now), before: before === '' ? Number.NaN : Number(before), beats };
}

export function asArray(value: unknown): readonly unknown[] {
  if (!Array.isArray(value)) throw new TypeError('Redis answered with something else than an array');
  return value;
}

export function asText(value: unknown): string {
  if (Buffer.isBuffer(value)) return value.toString();
  if (typeof value === 'string' || typeof value === 'number') return String(value);
  throw new TypeError('Redis answered with something else than a text');
}
