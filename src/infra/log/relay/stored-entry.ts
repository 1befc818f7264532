import type { Clock } from '../../../api/clock.ts';
import type { Entry } from '../../../api/entry.ts';
import { isObject } from '../../wire/json-object.ts';
import { decodeHeader, kept, UNKNOWN, type Arrival } from '../shared/arrival.ts';
import { countIn, textIn } from './frames.ts';

/** An entry on its way to a node: its facts, without the bytes. */
interface EntryFacts {
  readonly o: number;
  readonly at: number;
  readonly id: string;
  /** As `encodeHeader` makes it; empty for an entry of which only the place is left. */
  readonly h: string;
  readonly n: number;
}

const SIGNS = { replace: 'r', remove: 'd', notice: 'n', message: undefined } as const;

/** The relay's time is the server's monotonic clock: `Arrival.at` of entries, and `Anchor.now`. Clients see it as the time of messages. */
export class RelayTime {
  readonly #clock: Clock;
  readonly #base: number;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#base = Math.round((clock.wallTime?.() ?? Date.now()) - clock.now());
  }

  now(): number {
    return this.of(this.#clock.now());
  }

  /** @param at on the server's clock */
  of(at: number): number {
    return Math.round(at + this.#base);
  }
}

/** The bytes of an entry; none if only its place is left. */
export const chunksOf = (entry: Entry): readonly Uint8Array[] => (entry.isSuperseded ? [] : entry.body.chunks);

/** @param appended the header as the node has made it that has appended the entry just now */
export function factsOf(entry: Entry, time: RelayTime, appended?: string): EntryFacts {
  const { offset, id, loggedAt, expiresAt, kind } = entry;
  const place = { o: offset, at: time.of(loggedAt), id };
  if (entry.isSuperseded) return { ...place, h: '', n: 0 };
  const n = entry.body.bytes;
  const isForever = expiresAt === Infinity || kind === 'notice';
  if (appended !== undefined && isForever && !entry.isEdited) return { ...place, h: appended, n };
  const header = {
    b: '',
    l: entry.lane === 'critical' ? 1 : undefined,
    n: entry.except,
    m: entry.isShared ? 1 : undefined,
    k: entry.key,
    x: isForever ? undefined : Math.max(0, expiresAt - loggedAt),
    t: entry.traceparent,
    e: SIGNS[kind],
    r: entry.target,
    v: entry.isEdited ? 1 : undefined,
  };
  return { ...place, h: JSON.stringify(header), n };
}

/** Undefined if it is none. */
export function arrivalIn(value: unknown, epoch: string, body: Buffer): Arrival | undefined {
  if (!isObject(value)) return undefined;
  const { o, at, id, h } = value;
  if (countIn(o) === 0 || typeof at !== 'number') return undefined;
  const header = h === '' ? UNKNOWN : decodeHeader(textIn(h));
  return { epoch, offset: countIn(o), at, id: textIn(id), header, body: body.length === 0 ? [] : [kept(body)] };
}

/** Those of a list, whose bytes follow each other. */
export function arrivalsIn(list: unknown, epoch: string, bodies: Buffer): Arrival[] {
  const arrivals: Arrival[] = [];
  let from = 0;
  for (const each of Array.isArray(list) ? list : []) {
    const length: number = isObject(each) ? countIn(each['n']) : 0;
    const arrival = arrivalIn(each, epoch, bodies.subarray(from, from + length));
    from += length;
    if (arrival !== undefined) arrivals.push(arrival);
  }
  return arrivals;
}
