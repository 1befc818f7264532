/** The messages between the page and the server. This file has no code to run: the page takes its types from it. */

/** The page asks, `POST api/look`; the server answers with a `Sight`. A page that does not ask costs nothing. */
export interface Look {
  /** A random id that the page has chosen for its own life, 16 to 64 of `[\w-]`. */
  readonly viewer: string;
  /** The numbers of the newest sample and the newest note that it has; 0 for all. */
  readonly samplesAfter: number;
  readonly notesAfter: number;
  readonly list: ListQuery;
  /** The connection, thread or connection of a pool whose details it shows. */
  readonly selected: Selection | undefined;
}

/** `pools`: connections of pools. */
export type ListKind = 'connections' | 'threads' | 'pools';

export interface Selection {
  readonly kind: ListKind;
  readonly id: string;
}

/** The part of the list that is visible. */
export interface ListQuery {
  readonly kind: ListKind;
  /** Part of an id, a user's id or a hub's address, ignoring case. */
  readonly search: string;
  /** `retrying` for all steps of it; empty for all. */
  readonly state: string;
  readonly sort: Sort;
  readonly isDescending: boolean;
  readonly from: number;
  /** Rows, at most 100. */
  readonly count: number;
}

/** `age` is the order of arrival. */
export type Sort = 'age' | 'state' | 'lag' | 'unsent' | 'trips' | 'roundTrip' | 'members' | 'messages' | 'failures';

export interface Sight {
  /** Of the server, in milliseconds since 1970. */
  readonly at: number;
  /** When a page began to watch, in milliseconds since 1970. If it changes, the numbers of samples and notes begin again. */
  readonly since: number;
  readonly hub: HubSight;
  readonly machines: readonly MachineSight[];
  readonly samples: readonly Sample[];
  readonly notes: readonly Note[];
  readonly list: ListSight;
  readonly selected: Detail | undefined;
  /** Whether `POST api/act` is allowed. */
  readonly hasActions: boolean;
}

export interface HubSight {
  readonly state: string;
  readonly connections: number;
  readonly threads: number;
  /** Connections that the hub ended, or whose line broke, in the hub's life. Clients that said goodbye do not count. */
  readonly evicted: number;
  /** Answers to clients that the hub has put into its log, and publications that got one of an earlier attempt. */
  readonly answers: { readonly remembered: number; readonly repeated: number };
}

export interface MachineSight {
  readonly machine: string;
  /** How many actors are in each state now, by its path; states without any are left out. */
  readonly states: Readonly<Record<string, number>>;
  readonly edges: readonly EdgeSight[];
}

/** A transition that was taken in the last minute. */
export interface EdgeSight {
  readonly id: string;
  /** Times in the last minute. */
  readonly count: number;
  /** Milliseconds since the last time. */
  readonly agoMs: number;
}

/** One second of the hub. Rates are per second, times in milliseconds. */
export interface Sample {
  /** Counts from 1. */
  readonly n: number;
  readonly at: number;
  readonly published: number;
  readonly deliveries: number;
  readonly open: number;
  readonly retrying: number;
  readonly tripped: number;
  /** The last ping barriers of all connections; null where none was answered yet. */
  readonly roundTripP50: number | null;
  readonly roundTripP99: number | null;
  /** How late the event loop was at most in this second. */
  readonly loopDelay: number;
}

/** A connection has ended. */
export interface Note {
  /** Counts from 1. */
  readonly n: number;
  readonly at: number;
  readonly connectionId: string;
  readonly userId: string | undefined;
  readonly code: number;
  readonly reason: string;
  /** The client wanted it: no eviction. */
  readonly isGoodbye: boolean;
}

export interface ListSight {
  readonly kind: ListKind;
  /** Of all rows of this kind, and of those that match. */
  readonly total: number;
  readonly matching: number;
  readonly from: number;
  readonly rows: readonly Row[];
}

export type Row = ConnectionRow | ThreadRow | PoolRow;

export interface ConnectionRow {
  readonly kind: 'connections';
  readonly id: string;
  readonly userId: string | undefined;
  readonly state: string;
  readonly ageMs: number;
  readonly lag: number;
  readonly unsentBytes: number;
  readonly trips: number;
  readonly roundTripMs: number | undefined;
  /** The process's own event loop was late meanwhile, for half of that time or more: it says little about the client. */
  readonly isRoundTripOurs: boolean;
}

export interface ThreadRow {
  readonly kind: 'threads';
  readonly id: string;
  readonly state: string;
  readonly members: number;
  readonly behind: number;
  readonly lag: number;
  /** As far as members of this process ask for them. */
  readonly values: number;
  /** The newest offset of its log. */
  readonly messages: number;
}

/** A connection of a pool. */
export interface PoolRow {
  readonly kind: 'pools';
  readonly id: string;
  readonly state: string;
  /** The hub's address, without its query. */
  readonly url: string;
  /** The place that it has in the pool, from 0. */
  readonly place: number;
  /** In a row. */
  readonly failures: number;
  readonly threads: number;
}

export interface MemberSight {
  readonly id: string;
  readonly userId: string | undefined;
}

/** More of one row. */
export interface Detail {
  readonly row: Row;
  /** What it did while a page watched, oldest first, limited to the last steps. */
  readonly history: readonly Step[];
  readonly connection:
    | {
        readonly messages: number;
        readonly bytes: number;
        /** In a row. */
        readonly failures: number;
        /** The first of its threads, and how many there are. */
        readonly threads: readonly string[];
        readonly threadCount: number;
        /** It has ended, because its client wanted it. */
        readonly hasLeft: boolean;
      }
    | undefined;
  /** Of a thread: the first of its members in this process. */
  readonly members: readonly MemberSight[] | undefined;
}

/** A transition of one actor. */
export interface Step {
  readonly at: number;
  readonly from: string;
  readonly to: string;
  /** The event's name, or `after backoff`. */
  readonly event: string;
  /** Id of the edge in the chart. */
  readonly edge: string | undefined;
}

export type Action = 'evict' | 'trip' | 'reset';

/** `POST api/act`. */
export interface Act {
  readonly action: Action;
  readonly connectionId: string;
}

/** Why a request was refused. */
export interface RefusalBody {
  readonly error: string;
  readonly message: string;
}
