import { pause } from '../../time/pause.ts';
import { hashOf } from './append-lane.ts';
import type { PostgresLogSettings } from './options.ts';
import type { PostgresSession } from './session.ts';

/** Changes of one statement. */
const AT_ONCE = 500;
const RETRY_MS = 250;

interface Change {
  readonly thread: string;
  readonly hash: string;
  /** Null for a member that has gone. */
  readonly member: string | null;
}

/** Writes what this node has in its threads: many changes in one statement, the newest of each thing. */
export class PresenceWrites {
  readonly #session: PostgresSession;
  readonly #settings: PostgresLogSettings;
  readonly #whenReported: () => Promise<void>;
  readonly #members = new Map<string, Change>();
  readonly #counts = new Map<string, number>();
  #isWriting = false;

  /** @param whenReported the node has to be known before what it has: that would be deleted */
  constructor(session: PostgresSession, settings: PostgresLogSettings, whenReported: () => Promise<void>) {
    this.#session = session;
    this.#settings = settings;
    this.#whenReported = whenReported;
  }

  member(thread: string, member: string, isThere: boolean): void {
    const hash = hashOf(member);
    this.#members.set(`${hash} ${thread}`, { thread, hash, member: isThere ? JSON.stringify(member) : null });
    this.#begin();
  }

  count(thread: string, count: number): void {
    this.#counts.set(thread, count);
    this.#begin();
  }

  #begin(): void {
    if (!this.#isWriting) void this.#write();
  }

  /** Never rejects. What fails is repeated, unless it has changed meanwhile. */
  async #write(): Promise<void> {
    this.#isWriting = true;
    await Promise.resolve();
    while (this.#members.size + this.#counts.size > 0 && !this.#session.isClosed) {
      const members = takeSome(this.#members);
      const counts = takeSome(this.#counts);
      try {
        await this.#session.whenUp();
        await this.#whenReported();
        if (members.length > 0) await this.#writeMembers(members.map(([, change]) => change));
        if (counts.length > 0) await this.#writeCounts(counts);
      } catch {
        for (const [key, change] of members) if (!this.#members.has(key)) this.#members.set(key, change);
        for (const [key, count] of counts) if (!this.#counts.has(key)) this.#counts.set(key, count);
        await pause(this.#settings.clock, RETRY_MS);
      }
    }
    this.#isWriting = false;
  }

  async #writeMembers(changes: readonly Change[]): Promise<void> {
    const { schema, nodeId } = this.#settings;
    await this.#session.query(
      `WITH changes AS (SELECT * FROM json_to_recordset($1) AS c(thread text, hash text, member text)),
       gone AS (DELETE FROM ${schema}.members m USING changes c
         WHERE c.member IS NULL AND m.thread = c.thread AND m.node = $2 AND m.hash = c.hash)
       INSERT INTO ${schema}.members SELECT thread, $2, hash, member FROM changes WHERE member IS NOT NULL
       ON CONFLICT DO NOTHING`,
      [JSON.stringify(changes), nodeId],
    );
  }

  async #writeCounts(counts: readonly (readonly [string, number])[]): Promise<void> {
    const { schema, nodeId } = this.#settings;
    await this.#session.query(
      `WITH changes AS (SELECT * FROM json_to_recordset($1) AS c(thread text, count int)),
       gone AS (DELETE FROM ${schema}.counts m USING changes c WHERE c.count = 0 AND m.thread = c.thread AND m.node = $2)
       INSERT INTO ${schema}.counts AS m SELECT thread, $2, count FROM changes WHERE count > 0
       ON CONFLICT (thread, node) DO UPDATE SET count = excluded.count`,
      [JSON.stringify(counts.map(([thread, count]) => ({ thread, count }))), nodeId],
    );
  }
}

function takeSome<T>(changes: Map<string, T>): [string, T][] {
  const taken: [string, T][] = [];
  for (const change of changes) {
    if (taken.length === AT_ONCE) break;
    taken.push(change);
  }
  for (const [key] of taken) changes.delete(key);
  return taken;
}
