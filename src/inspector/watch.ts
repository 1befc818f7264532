import type { Hub } from '../api/hub.ts';
import { closeCodes } from '../infra/wire/close-codes.ts';
import { every } from './every.ts';
import { Meters, type IsOurs } from './meters.ts';
import type { Act, Detail, HubSight, Look, MachineSight, Selection, Sight } from './protocol.ts';
import { Recorder } from './recorder.ts';
import { InspectorRefusal } from './refusal.ts';
import type { Pools } from './pools.ts';
import { connectionRow, listSight, poolRow, threadRow } from './rows.ts';
import { keyOf, survey, type Findings } from './survey.ts';
import { Viewers, type Viewer } from './viewers.ts';
import type { Connection } from '../api/connection.ts';
import type { Thread } from '../api/thread.ts';
import type { Clock } from '../api/clock.ts';

/** A survey serves all looks for this long, */
const FRESH_MS = 300;

/** or longer if it is more work than this share of the time: visible rows are always current. */
const SURVEY_SHARE = 0.01;

/** But not longer than this: time that a busy machine takes from a survey looks like its work. */
const STALE_MS = 3_000;

/** How often it checks whether a page still watches. */
const CHECK_MS = 1_000;

/** Threads of one connection, and members of one thread, that are shown. */
const MAX_SHOWN = 50;

/** What is kept while a page watches. */
interface Recording {
  readonly recorder: Recorder;
  readonly meters: Meters;
  readonly stopChecking: () => void;
  readonly since: number;
  /** Connections that had ended before. */
  readonly evictedBefore: number;
}

export interface WatchSettings {
  readonly hasActions: boolean;
  readonly maxViewers: number;
  readonly clock: Clock;
  readonly pools: Pools;
}

/** Answers looks. While no page looks, it does nothing: no listener, no timer, nothing kept. */
export class Watch {
  readonly #hub: Hub;
  readonly #hasActions: boolean;
  readonly #clock: Clock;
  readonly #pools: Pools;
  readonly #viewers: Viewers;
  #recording: Recording | undefined;
  #findings: { readonly found: Findings; readonly freshUntil: number } | undefined;
  #surveying: Promise<void> | undefined;
  #isClosed = false;

  constructor(hub: Hub, { hasActions, maxViewers, clock, pools }: WatchSettings) {
    this.#hub = hub;
    this.#hasActions = hasActions;
    this.#clock = clock;
    this.#pools = pools;
    this.#viewers = new Viewers(maxViewers, () => clock.now());
  }

  /** At least one page watches. */
  get isOpen(): boolean {
    return this.#recording !== undefined;
  }

  /** @throws InspectorRefusal */
  async look(look: Look): Promise<Sight> {
    if (this.#isClosed) throw closed();
    const viewer = this.#viewers.admit(look.viewer);
    const recording = (this.#recording ??= this.#open());
    viewer.isLooking = true;
    try {
      viewer.query = look.list;
      const found = await this.#find(keyOf(look.list));
      return this.#sight(look, viewer, recording, found);
    } finally {
      viewer.isLooking = false;
    }
  }

  /** @throws InspectorRefusal */
  act({ action, connectionId }: Act): void {
    if (!this.#hasActions) throw new InspectorRefusal(403, 'ACTIONS_OFF', 'actions are not enabled');
    const connection = this.#connection(connectionId);
    if (connection === undefined) throw new InspectorRefusal(404, 'NO_CONNECTION', 'no such connection');
    if (action === 'trip') connection.trip();
    else if (action === 'reset') connection.reset();
    // the code says: reconnect and resume
    else connection.close(closeCodes.slowConsumer.code, 'evicted by an operator');
  }

  close(): void {
    this.#isClosed = true;
    this.#viewers.clear();
    this.#end();
  }

  #open(): Recording {
    const meters = new Meters(this.#hub, this.#clock, () => this.#findings?.found);
    return {
      recorder: new Recorder(this.#hub, this.#pools, this.#clock),
      meters,
      since: Date.now(),
      evictedBefore: meters.stats.connectionsEvicted,
      stopChecking: every(this.#clock, CHECK_MS, () => this.#check()),
    };
  }

  #check(): void {
    this.#viewers.forgetGone();
    if (this.#viewers.size === 0) this.#end();
  }

  #end(): void {
    if (this.#recording === undefined) return;
    const { recorder, meters, stopChecking } = this.#recording;
    stopChecking();
    recorder.stop();
    meters.stop();
    this.#recording = undefined;
    this.#findings = undefined;
  }

  /** A fresh survey with this list. */
  async #find(key: string): Promise<Findings> {
    while (!this.#isClosed) {
      const known = this.#findings;
      if (known?.found.lists.has(key) === true && this.#clock.now() < known.freshUntil) return known.found;
      this.#surveying ??= this.#survey().finally(() => {
        this.#surveying = undefined;
      });
      await this.#surveying;
    }
    throw closed();
  }

  async #survey(): Promise<void> {
    const found = await survey(this.#hub, this.#pools, this.#viewers.queries, this.#clock, this.#isOurs);
    this.#findings = {
      found,
      freshUntil: this.#clock.now() + Math.min(STALE_MS, Math.max(FRESH_MS, found.busyMs / SURVEY_SHARE)),
    };
  }

  #sight(look: Look, viewer: Viewer, recording: Recording, found: Findings): Sight {
    const { recorder, meters } = recording;
    return {
      at: Date.now(),
      since: recording.since,
      hub: this.#hubSight(recording, found),
      machines: this.#machines(recording, found),
      samples: meters.samplesAfter(look.samplesAfter),
      notes: recorder.notesAfter(look.notesAfter),
      list: listSight(look.list, found, this.#isOurs),
      selected: look.selected && this.#detail(look.selected, viewer, recorder),
      hasActions: this.#hasActions,
    };
  }

  /** Whether a round trip is a delay of this process. */
  readonly #isOurs: IsOurs = (stats) => this.#recording?.meters.isOurs(stats) === true;

  #hubSight(recording: Recording, { connections, threads }: Findings): HubSight {
    const { answersRemembered: remembered, answersRepeated: repeated } = recording.meters.stats;
    const answers = { remembered, repeated };
    return { state: this.#hub.state, connections, threads, evicted: evictedIn(recording), answers };
  }

  #machines(recording: Recording, found: Findings): readonly MachineSight[] {
    const { recorder, meters } = recording;
    const evicted = evictedIn(recording);
    const states = {
      connection: { ...found.connectionStates, ...(evicted > 0 ? { evicted } : {}) },
      thread: found.threadStates,
      serializer: { [meters.stats.serializer]: 1 },
      hub: { [this.#hub.state]: 1 },
      ...(this.#pools.size > 0 ? { 'pool-connection': found.poolStates } : {}),
    };
    return Object.entries(states).map(([machine, counts]) => ({
      machine,
      states: counts,
      edges: recorder.edgesOf(machine),
    }));
  }

  #detail({ kind, id }: Selection, viewer: Viewer, recorder: Recorder): Detail | undefined {
    if (kind === 'pools') {
      const member = this.#pools.find(id);
      if (member === undefined) return undefined;
      return { row: poolRow(member), history: recorder.historyOf(id), connection: undefined, members: undefined };
    }
    if (kind === 'threads') {
      const thread = this.#thread(id);
      const history = recorder.historyOf(`thread:${id}`);
      if (thread === undefined) return undefined;
      const members = thread.members.slice(0, MAX_SHOWN).map(({ id: member, userId }) => ({ id: member, userId }));
      return { row: threadRow(thread), history, connection: undefined, members };
    }
    if (viewer.selected?.id !== id) viewer.selected = this.#connection(id);
    const connection = viewer.selected;
    if (connection === undefined) return undefined;
    const { messages, bytes, failures } = connection.stats;
    const { threads } = connection;
    return {
      row: connectionRow(connection, this.#isOurs),
      history: recorder.historyOf(`connection:${id}`),
      connection: {
        messages,
        bytes,
        failures,
        threads: threads.slice(0, MAX_SHOWN),
        threadCount: threads.length,
        hasLeft: recorder.hasLeft(id),
      },
      members: undefined,
    };
  }

  #connection(id: string): Connection | undefined {
    for (const connection of this.#hub.connections) if (connection.id === id) return connection;
    return undefined;
  }

  /** Not `hub.thread`, which throws for an invalid id. */
  #thread(id: string): Thread | undefined {
    for (const thread of this.#hub.threads) if (thread.id === id) return thread;
    return undefined;
  }
}

/** The number in the log of evictions: the hub's own number is of the last sample. */
function evictedIn({ evictedBefore, recorder }: Recording): number {
  return evictedBefore + recorder.evictions;
}

function closed(): InspectorRefusal {
  return new InspectorRefusal(503, 'CLOSED', 'the inspector has been closed');
}
