import type { VolatilePublishOptions } from '../client/api.ts';
import { Timer, type ClientClock } from '../client/clock.ts';
import { ClientClosedError, PublishQueueFullError, PublishTimeoutError } from '../client/errors.ts';
import type { PublishAnswer } from '../client/frames.ts';
import type { HubLine } from './hub-line.ts';
import type { Publication } from './publication.ts';

type Outcome = PublishAnswer | Error | undefined;

interface Waiting extends Publication {
  readonly isVolatile: boolean;
  /** When the publisher gets a timeout, on the pool's clock. */
  readonly until: number;
  readonly answer: Promise<PublishAnswer | undefined>;
  readonly settle: (outcome: Outcome) => void;
}

/** The messages of one thread without an answer, in order, all over the same line. */
interface Group {
  line: HubLine | undefined;
  readonly byId: Map<string, Waiting>;
}

/** Limits and time of the queue. */
interface QueueSettings {
  readonly clock: ClientClock;
  readonly maxQueued: number;
  readonly maxQueuedBytes: number;
}

/** The line has a timer of its own: the queue's comes first. */
const GRACE_MS = 1_000;

/**
 * Published messages without an answer. Each goes out over the line of its thread. When that is lost, they all go out again over another one, in
 * order and with the same ids.
 */
export class Publications {
  readonly #settings: QueueSettings;
  readonly #lineOf: (threadId: string) => HubLine | undefined;
  readonly #groups = new Map<string, Group>();
  #size = 0;
  #units = 0;
  #onEmpty: (() => void)[] = [];

  /** @param lineOf where messages of the thread go out now; undefined if there is no open line */
  constructor(settings: QueueSettings, lineOf: (threadId: string) => HubLine | undefined) {
    this.#settings = settings;
    this.#lineOf = lineOf;
  }

  get size(): number {
    return this.#size;
  }

  /**
   * Resolves with the answer, or with undefined if it is volatile and was dropped. The same id again is the same message.
   * @throws PublishQueueFullError, PublishTimeoutError, ClientClosedError, and what the line rejects with
   */
  async add(
    threadId: string,
    { id, frame }: Publication,
    { timeoutMs, volatile = false }: Partial<VolatilePublishOptions> & { readonly timeoutMs: number },
  ): Promise<PublishAnswer | undefined> {
    const { clock, maxQueued, maxQueuedBytes } = this.#settings;
    const group = this.#groups.get(threadId) ?? { line: this.#lineOf(threadId), byId: new Map<string, Waiting>() };
    const known = group.byId.get(id);
    if (known) return known.answer;
    const isFull = this.#size >= maxQueued || this.#units + frame.length > maxQueuedBytes;
    if (volatile && (isFull || group.line === undefined)) return undefined;
    if (isFull) throw new PublishQueueFullError({ limit: this.#size >= maxQueued ? maxQueued : maxQueuedBytes });
    const timer = new Timer(clock);
    let settle: Waiting['settle'] = () => {};
    const answer = new Promise<PublishAnswer | undefined>((resolve, reject) => {
      settle = (outcome) => {
        timer.clear();
        if (outcome instanceof Error) reject(outcome);
        else resolve(outcome);
      };
    });
    const waiting: Waiting = { id, frame, isVolatile: volatile, until: clock.now() + timeoutMs, answer, settle };
    timer.set(timeoutMs, () => this.#settle(threadId, waiting, new PublishTimeoutError({ threadId, id, timeoutMs })));
    this.#groups.set(threadId, group);
    group.byId.set(id, waiting);
    this.#size++;
    this.#units += frame.length;
    this.#send(threadId, group, waiting);
    return answer;
  }

  /** The line is lost: its messages go out over others. */
  lost(line: HubLine): void {
    const groups = [...this.#groups].filter(([, group]) => group.line === line);
    for (const [threadId, group] of groups) {
      group.line = undefined;
      for (const waiting of group.byId.values()) if (waiting.isVolatile) this.#settle(threadId, waiting, undefined);
    }
    this.flush();
  }

  /** There may be a line for messages that have none. */
  flush(): void {
    for (const [threadId, group] of this.#groups) {
      if (group.line !== undefined) continue;
      group.line = this.#lineOf(threadId);
      if (group.line === undefined) continue;
      for (const waiting of group.byId.values()) this.#send(threadId, group, waiting);
    }
  }

  /** The line whose answers the thread's messages wait for. */
  lineOf(threadId: string): HubLine | undefined {
    return this.#groups.get(threadId)?.line;
  }

  /** Resolves when none is left. */
  async drained(): Promise<void> {
    if (this.#size > 0) await new Promise<void>((resolve) => this.#onEmpty.push(resolve));
  }

  end(): void {
    for (const [threadId, { byId }] of this.#groups)
      for (const waiting of byId.values())
        this.#settle(threadId, waiting, new ClientClosedError({ action: 'publish' }));
  }

  #send(threadId: string, group: Group, waiting: Waiting): void {
    const { line } = group;
    if (line === undefined) return;
    const { id, frame, until, isVolatile } = waiting;
    const leftMs = Math.max(1, until - this.#settings.clock.now()) + GRACE_MS;
    // of a line that was lost meanwhile, no outcome counts: the message has gone out over another one
    line.request(threadId, id, frame, leftMs, isVolatile).then(
      (answer) => {
        if (group.line === line) this.#settle(threadId, waiting, answer);
      },
      (error: unknown) => {
        if (group.line !== line) return;
        this.#settle(threadId, waiting, error instanceof Error ? error : new Error('unknown', { cause: error }));
      },
    );
  }

  #settle(threadId: string, waiting: Waiting, outcome: Outcome): void {
    const group = this.#groups.get(threadId);
    if (group?.byId.get(waiting.id) !== waiting) return;
    group.byId.delete(waiting.id);
    if (group.byId.size === 0) this.#groups.delete(threadId);
    this.#size--;
    this.#units -= waiting.frame.length;
    waiting.settle(outcome);
    if (this.#size === 0) for (const resolve of this.#onEmpty.splice(0)) resolve();
  }
}
