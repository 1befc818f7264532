import type { Position } from '../../../api/log.ts';
import { decodeHeader, idIn, kept, UNKNOWN, type Anchor, type Arrival, type StoredArrival } from '../shared/arrival.ts';
import type { BeatReply } from '../shared/living-nodes.ts';
import type { EntryId } from '../shared/tail-host.ts';

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
      id: idIn(id),
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

/** A reply of `READ`; undefined if the thread has another epoch, or no log. */
export function decodeEntries(reply: unknown, epoch: string): StoredArrival[] | undefined {
  const [of, ...entries] = asArray(reply);
  if (asText(of) !== epoch) return undefined;
  const arrivals: StoredArrival[] = [];
  for (let i = 0; i + 1 < entries.length; i += 2) arrivals.push(decodeEntry(epoch, Number(entries[i]), entries[i + 1]));
  return arrivals;
}

/** What `IDS` answers of one thread; undefined if the thread has another epoch, or no log. */
export function decodeIds(reply: unknown, epoch: string): EntryId[] | undefined {
  const [of, ...facts] = asArray(reply);
  if (asText(of) !== epoch) return undefined;
  const ids: EntryId[] = [];
  for (let i = 0; i + 1 < facts.length; i += 2) ids.push({ offset: Number(facts[i]), id: idIn(asText(facts[i + 1])) });
  return ids;
}

function decodeEntry(epoch: string, offset: number, stored: unknown): StoredArrival {
  const value = Buffer.isBuffer(stored) ? stored : Buffer.from(asText(stored));
  const isLarge = value[0] === LARGE;
  const [words = [], from] = wordsOf(value, isLarge ? 6 : 3);
  const [at, id = '', name = '', count, bytes] = words;
  const place = { epoch, offset, at: Number(at), id: idIn(id) };
  if (!isLarge && value[0] !== ENTRY) return { ...place, header: UNKNOWN, body: [], pieces: undefined };
  const bodyAt = from + Number(words.at(-1));
  const header = decodeHeader(value.toString('utf8', from, bodyAt));
  if (!isLarge) return { ...place, header, body: [kept(value.subarray(bodyAt))], pieces: undefined };
  return { ...place, header, body: undefined, pieces: { name, count: Number(count), bytes: Number(bytes) } };
}

export function decodeAnchor(reply: unknown): Anchor {
  const [epoch, head, headId, now, known] = asArray(reply);
  return {
    epoch: asText(epoch),
    head: Number(head),
    headId: idIn(asText(headId)),
    now: Number(asText(now)),
    known: known === null || known === undefined ? undefined : asText(known),
  };
}

/** Whether an answer of `ANCHORS` says that nothing but this node listens to the thread. */
export const isAlone = (anchor: unknown): boolean => asArray(anchor)[5] === 1;

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

/** The position of a thread as `KEEP_POSITION` has written it; undefined for anything else. */
export function decodePosition(reply: unknown): Position | undefined {
  if (reply === null) return undefined;
  const [, epoch = '', offset, id = ''] = /^([\w-]{1,64}) (\d{1,15}) ([\w.:-]{0,128})$/.exec(asText(reply)) ?? [];
  return offset === undefined ? undefined : { epoch, offset: Number(offset), id };
}

/** A reply of `HEADS`. */
export function decodeHeads(reply: unknown): Position[] {
  const facts = asArray(reply);
  const heads: Position[] = [];
  for (let i = 0; i + 2 < facts.length; i += 3)
    heads.push({ epoch: asText(facts[i]), offset: Number(facts[i + 1]), id: asText(facts[i + 2]) });
  return heads;
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
