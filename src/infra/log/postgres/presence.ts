import type { LogPresence } from '../../../api/log-presence.ts';
import { LivingNodes, type NodesLink } from '../shared/living-nodes.ts';
import type { RetryUntil } from '../shared/retry-until.ts';
import { numberOf, textOf } from './driver.ts';
import type { PostgresLogSettings } from './options.ts';
import { PresenceWrites } from './presence-writes.ts';
import type { PostgresSession } from './session.ts';

/** Members of one thread that one answer has. */
const AT_ONCE = 1_000;

/** Which members, and how many connections, each node has in which thread. A node that stops reporting is not counted. */
export class PostgresPresence implements LogPresence {
  readonly nodes: LivingNodes;
  readonly #session: PostgresSession;
  readonly #settings: PostgresLogSettings;
  readonly #retryUntil: RetryUntil;
  readonly #writes: PresenceWrites;
  /** What this node has: written again when Postgres may have lost it. */
  readonly #own = new Map<string, Set<string>>();
  readonly #counts = new Map<string, number>();

  constructor(session: PostgresSession, settings: PostgresLogSettings, retryUntil: RetryUntil) {
    this.#session = session;
    this.#settings = settings;
    this.#retryUntil = retryUntil;
    this.nodes = new LivingNodes(beats(session, settings), settings);
    this.#writes = new PresenceWrites(session, settings, () => this.nodes.reported());
  }

  add(threadId: string, member: string): void {
    const own = this.#own.get(threadId) ?? new Set();
    if (own.has(member)) return;
    this.#own.set(threadId, own.add(member));
    this.#writes.member(threadId, member, true);
  }

  remove(threadId: string, member: string): void {
    const own = this.#own.get(threadId);
    if (own?.delete(member) !== true) return;
    if (own.size === 0) this.#own.delete(threadId);
    this.#writes.member(threadId, member, false);
  }

  list(threadId: string): Promise<readonly string[]> {
    return this.#retryUntil.withinDeadline(threadId, () => this.#list(threadId));
  }

  announce(threadId: string, count: number): void {
    if (count === 0 && !this.#counts.delete(threadId)) return;
    if (count > 0) this.#counts.set(threadId, count);
    this.#writes.count(threadId, count);
  }

  /** Connections that living nodes other than this one have in the thread. */
  elsewhere(threadId: string): Promise<number> {
    const { schema, nodeId } = this.#settings;
    return this.#retryUntil.withinDeadline(threadId, async () => {
      const rows = await this.#session.query(
        `SELECT node, count FROM ${schema}.counts WHERE thread = $1 AND node <> $2`,
        [threadId, nodeId],
      );
      const nodes = await this.nodes.among(rows.map(({ node }) => textOf(node)));
      return rows.reduce((sum, { node, count }) => sum + (nodes.isAlive(textOf(node)) ? numberOf(count) : 0), 0);
    });
  }

  /** New connections, possibly to a server that has crashed, which empties these tables. */
  reconnected(): void {
    this.nodes.reconnected();
    for (const [threadId, members] of this.#own)
      for (const member of members) this.#writes.member(threadId, member, true);
    for (const [threadId, count] of this.#counts) this.#writes.count(threadId, count);
  }

  async #list(threadId: string): Promise<readonly string[]> {
    const { schema, nodeId } = this.#settings;
    const byNode = new Map<string, string[]>();
    let [node, hash] = ['', ''];
    for (let isDone = false; !isDone;) {
      const rows = await this.#session.query(
        `SELECT node, hash, member FROM ${schema}.members
         WHERE thread = $1 AND node <> $2 AND (node, hash) > ($3, $4) ORDER BY node, hash LIMIT ${AT_ONCE}`,
        [threadId, nodeId, node, hash],
      );
      for (const row of rows) {
        [node, hash] = [textOf(row.node), textOf(row.hash)];
        const member: unknown = JSON.parse(textOf(row.member));
        if (typeof member !== 'string') continue;
        const members = byNode.get(node);
        if (members === undefined) byNode.set(node, [member]);
        else members.push(member);
      }
      isDone = rows.length < AT_ONCE;
    }
    const nodes = await this.nodes.among(byNode.keys());
    const found = new Set(this.#own.get(threadId));
    for (const [id, members] of byNode) if (nodes.isAlive(id)) for (const member of members) found.add(member);
    return [...found];
  }
}

/** The nodes report in one table. */
function beats(session: PostgresSession, { schema, nodeId, now }: PostgresLogSettings): NodesLink {
  return {
    get isUp() {
      return session.isUp;
    },
    async beat(knownMs) {
      const [row] = await session.query(`SELECT * FROM ${schema}.beat($1, $2, $3)`, [now(), nodeId, knownMs]);
      const nodes: object = typeof row?.nodes === 'object' && row.nodes !== null ? row.nodes : {};
      return {
        now: numberOf(row?.now),
        before: numberOf(row?.before),
        beats: new Map(Object.entries(nodes).map(([id, at]) => [id, Number(at)])),
      };
    },
    leave: () => session.farewell(`DELETE FROM ${schema}.nodes WHERE node = $1`, [nodeId]),
  };
}
