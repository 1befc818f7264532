import { SharedBody } from '../shared-body.ts';
import type { EntryDraft } from '../entry.ts';
import { parseObject } from '../../wire/json-object.ts';

/** An entry as Redis tells of it. */
export interface Arrival {
  readonly epoch: string;
  readonly offset: number;
  /** When it was logged, in Redis's milliseconds. */
  readonly at: number;
  readonly id: string;
  readonly header: Header;
  /** Undefined where a notice leaves it out, because the message is large. */
  readonly body: Buffer | undefined;
}

/** What an entry has besides its id and body; short names, because they are in each. */
export interface Header {
  /** The node that appended it. */
  readonly by: string;
  readonly isCritical: boolean;
  readonly key: string | undefined;
  /** Milliseconds from `at` on that it is worth delivering. */
  readonly ms: number | undefined;
  readonly traceparent: string | undefined;
}

export function encodeHeader(draft: EntryDraft, nodeId: string, now: number): string {
  return JSON.stringify({
    b: nodeId,
    l: draft.lane === 'critical' ? 1 : undefined,
    k: draft.key,
    x: draft.expiresAt === Infinity ? undefined : Math.max(0, Math.round(draft.expiresAt - now)),
    t: draft.traceparent,
  });
}

function decodeHeader(text: string): Header {
  const { b, l, k, x, t } = parseObject(text) ?? {};
  return {
    by: typeof b === 'string' ? b : '',
    isCritical: l === 1,
    key: typeof k === 'string' ? k : undefined,
    ms: typeof x === 'number' ? x : undefined,
    traceparent: typeof t === 'string' ? t : undefined,
  };
}

/** The draft of an entry that came from Redis. `loggedAt` is on this process's clock. */
export function draftOf(threadId: string, { id, header, body }: Arrival, loggedAt: number): EntryDraft {
  return {
    threadId,
    id,
    lane: header.isCritical ? 'critical' : 'normal',
    body: new SharedBody([body ?? Buffer.alloc(0)]),
    key: header.key,
    expiresAt: header.ms === undefined ? Infinity : loggedAt + header.ms,
    traceparent: header.traceparent,
  };
}

const SPACE = 0x20;
/** `E`: an entry. `L`: one without its body. */
const ENTRY = 'E'.charCodeAt(0);
const LARGE = 'L'.charCodeAt(0);
const NOTE = 'N'.charCodeAt(0);
const PROBE = 'P'.charCodeAt(0);

export type News =
  | { readonly kind: 'probe'; readonly by: string }
  | { readonly kind: 'entry'; readonly arrival: Arrival }
  | { readonly kind: 'note'; readonly by: string; readonly note: string };

export const encodeNote = (nodeId: string, note: string): string => `N${nodeId} ${note}`;

export const encodeProbe = (nodeId: string): string => `P${nodeId}`;

/** What was published on a thread's channel; undefined where it is not ours or of a later version. */
export function decodeNews(message: Buffer): News | undefined {
  const [kind] = message;
  if (kind === PROBE) return { kind: 'probe', by: message.toString('latin1', 1) };
  if (kind === NOTE) {
    const end = message.indexOf(SPACE);
    if (end < 0) return undefined;
    return { kind: 'note', by: message.toString('latin1', 1, end), note: message.toString('utf8', end + 1) };
  }
  if (kind !== ENTRY && kind !== LARGE) return undefined;
  const words: string[] = [];
  let from = 1;
  while (words.length < 5) {
    const end = message.indexOf(SPACE, from);
    if (end < 0) return undefined;
    words.push(message.toString('latin1', from, end));
    from = end + 1;
  }
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
      body: kind === LARGE ? undefined : kept(message.subarray(bodyAt)),
    },
  };
}

/** Up to this a body is copied out of what the socket has read, which it would keep in memory as a whole. */
const COPIED_BYTES = 64 * 1024;

function kept(view: Buffer): Buffer {
  if (view.length > COPIED_BYTES) return view;
  const copy = Buffer.allocUnsafeSlow(view.length);
  copy.set(view);
  return copy;
}

/** A reply of XRANGE or XREVRANGE. */
export function decodeEntries(reply: unknown, epoch: string): Arrival[] {
  return asArray(reply).map((entry) => {
    const [key, fields] = asArray(entry);
    const [offset, at] = asText(key).split('-');
    const [, id, , header, , body] = asArray(fields);
    return {
      epoch,
      offset: Number(offset),
      at: Number(at),
      id: asText(id),
      header: decodeHeader(asText(header)),
      body: Buffer.isBuffer(body) ? kept(body) : Buffer.from(asText(body)),
    };
  });
}

/** Where a thread stands in Redis. */
export interface Anchor {
  readonly epoch: string;
  readonly head: number;
  readonly headId: string;
  /** Redis's time. */
  readonly now: number;
  /** Id of the entry at the offset that was asked about, where there is a newer one. */
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

/** What became of a batch of appends: an offset for each; negative for what was known. */
export interface AppendReply {
  readonly epoch: string;
  readonly at: number;
  readonly offsets: readonly number[];
}

export function decodeAppend(reply: unknown): AppendReply {
  const [epoch, at, ...offsets] = asArray(reply);
  return { epoch: asText(epoch), at: Number(asText(at)), offsets: offsets.map(Number) };
}

function asArray(value: unknown): readonly unknown[] {
  if (!Array.isArray(value)) throw new TypeError('Redis answered with something else than an array');
  return value;
}

function asText(value: unknown): string {
  if (Buffer.isBuffer(value)) return value.toString();
  if (typeof value === 'string' || typeof value === 'number') return String(value);
  throw new TypeError('Redis answered with something else than a text');
}
