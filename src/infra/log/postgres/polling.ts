import { RoundRobin } from '../../round-robin.ts';
import { numberOf, textOf } from './driver.ts';
import { firstEpoch } from './log-reader.ts';
import type { PostgresLogSettings } from './options.ts';
import type { PostgresSession } from './session.ts';
import type { PostgresThread } from './thread.ts';

/** Threads that one statement compares. */
const THREADS_AT_ONCE = 1_000;

/** The safety net of the notices: compares the threads that this node holds with the table, in turn. */
export class Polling {
  readonly #threads: ReadonlyMap<string, PostgresThread>;
  readonly #round: RoundRobin<PostgresThread>;
  readonly #session: PostgresSession;
  readonly #settings: PostgresLogSettings;
  #nextAt = -Infinity;
  /** Threads to look at soon, because notices may have been missed. */
  #due = 0;
  #isAsking = false;
  #server = '';

  constructor(threads: ReadonlyMap<string, PostgresThread>, session: PostgresSession, settings: PostgresLogSettings) {
    this.#threads = threads;
    this.#round = new RoundRobin(threads);
    this.#session = session;
    this.#settings = settings;
  }

  /** Notices of the time before were missed. */
  reconnected(): void {
    // the server may be another one, whose entries have the same numbers
    const { server } = this.#session;
    for (const { tail } of this.#threads.values()) tail?.doubt(server !== this.#server);
    this.#server = server;
    this.#due = this.#threads.size;
    this.#nextAt = -Infinity;
    this.tick();
  }

  tick(): void {
    const now = this.#settings.clock.now();
    if (this.#isAsking || (now < this.#nextAt && this.#due <= 0)) return;
    this.#nextAt = now + this.#settings.pollMs;
    void this.#ask();
  }

  /** Never rejects. Also asks where no thread is held: the connection shows that it is alive. */
  async #ask(): Promise<void> {
    this.#isAsking = true;
    const { schema } = this.#settings;
    const threads = this.#next();
    this.#due -= threads.length;
    try {
      const ids = threads.map(({ threadId }) => threadId);
      const rows = await this.#session.ask(
        `SELECT thread, epoch, head, head_id FROM ${schema}.threads WHERE thread = ANY($1::text[])`,
        [ids],
      );
      const heads = new Map(rows.map((row) => [textOf(row.thread), row]));
      for (const { threadId, tail } of threads) {
        const row = heads.get(threadId);
        const position =
          row === undefined
            ? { epoch: firstEpoch(this.#session.life, threadId), offset: 0, id: '' }
            : { epoch: textOf(row.epoch), offset: numberOf(row.head), id: textOf(row.head_id) };
        if (tail?.isAt(position) === false || (tail !== undefined && tail.buffer.head > position.offset))
          void tail.catchUp(true);
        else tail?.trust();
      }
    } catch {
      // the connection is given up, and all threads are compared on the next one
    } finally {
      this.#isAsking = false;
    }
  }

  #next(): PostgresThread[] {
    const threads: PostgresThread[] = [];
    for (let left = Math.min(THREADS_AT_ONCE, this.#threads.size); left > 0; left--) {
      const thread = this.#round.cycle();
      if (thread?.tail !== undefined) threads.push(thread);
    }
    return threads;
  }
}
