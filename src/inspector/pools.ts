/** A connection of a pool, as the inspector reads it. */
export interface InspectedPoolConnection {
  readonly id: string;
  readonly place: number;
  readonly url: string;
  readonly state: string;
  readonly path: string;
  readonly failures: number;
  readonly threads: number;
}

/** A change of state of one of them. */
export interface InspectedMove {
  readonly machine: string;
  readonly id: string;
  readonly from: string;
  readonly to: string;
  readonly event: string;
}

/** A pool as the inspector reads it: what `createPool` of `threadcast/pool` returns. */
export interface InspectedPool {
  readonly connections: readonly InspectedPoolConnection[];
  on(event: 'transition', listener: (move: InspectedMove) => unknown): () => void;
}

/** A connection with the id that it has on the page. */
export interface PoolMember {
  readonly id: string;
  readonly connection: InspectedPoolConnection;
}

/** The pools that the page shows. Each pool counts its connections from 1, so of several pools the id has the pool's number: `2/pool-connection:1`. */
export class Pools {
  readonly #pools: readonly InspectedPool[];

  constructor(pools: readonly InspectedPool[]) {
    this.#pools = pools;
  }

  get size(): number {
    return this.#pools.length;
  }

  *members(): Generator<PoolMember> {
    for (const [i, pool] of this.#pools.entries())
      for (const connection of pool.connections)
        if (connection.state !== 'evicted') yield { id: this.#idOf(i, connection.id), connection };
  }

  find(id: string): PoolMember | undefined {
    for (const member of this.members()) if (member.id === id) return member;
    return undefined;
  }

  /** @returns the functions that end it, one for each pool */
  watch(onMove: (move: InspectedMove) => void): (() => void)[] {
    return this.#pools.map((pool, i) =>
      pool.on('transition', (move) => onMove({ ...move, id: this.#idOf(i, move.id) })),
    );
  }

  #idOf(pool: number, id: string): string {
    return this.#pools.length === 1 ? id : `${pool + 1}/${id}`;
  }
}
