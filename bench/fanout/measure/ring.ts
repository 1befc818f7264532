import type { ContenderSpec } from '../contenders.ts';
import { Stage, type Load, type LoadOptions } from '../stage.ts';
import type { ServerOptions } from '../servers/serve.js';

/** What the command line asked for. */
export interface Bench {
  readonly contenders: readonly ContenderSpec[];
  readonly isQuick: boolean;
  readonly log: (text: string) => void;
}

/** Values of each contender by name, one for each round, in the order of the rounds. */
export type Series = Map<string, number[]>;

export function note(series: Series, name: string, value: number): void {
  const values = series.get(name);
  if (values === undefined) series.set(name, [value]);
  else values.push(value);
}

export interface Player {
  readonly name: string;
  readonly stage: Stage;
  readonly load: Load;
}

/**
 * Several contenders that stand side by side with all their connections, and take turns. Only the one whose turn it is has
 * anything to do. One that fails is taken out and reported; the others go on.
 */
export class Ring {
  readonly failures: { readonly name: string; readonly row: string; readonly reason: string }[] = [];
  readonly #bench: Bench;
  #players: Player[] = [];
  #turn = 0;

  constructor(bench: Bench) {
    this.#bench = bench;
  }

  get players(): readonly Player[] {
    return this.#players;
  }

  /** Starts a contender with so many connections in the room `main`. */
  async add(
    spec: ContenderSpec,
    connections: number,
    server: ServerOptions = {},
    load: LoadOptions = {},
  ): Promise<void> {
    let stage: Stage | undefined;
    try {
      stage = await Stage.start(spec, server);
      const player = { name: spec.name, stage, load: stage.load(load) };
      await player.load.open(connections, 'main');
      await stage.untilMembers('main', connections);
      this.#players.push(player);
    } catch (error) {
      await stage?.stop();
      this.#fail(spec.name, `start with ${connections} connections`, error);
    }
  }

  /** Gives each contender one turn, beginning with another one each time. */
  async round(row: string, play: (player: Player) => Promise<void>): Promise<void> {
    const first = this.#turn++ % Math.max(1, this.#players.length);
    for (const player of [...this.#players.slice(first), ...this.#players.slice(0, first)]) {
      try {
        await play(player);
      } catch (error) {
        this.#fail(player.name, row, error);
        this.#players = this.#players.filter((other) => other !== player);
        await player.stage.stop();
      }
    }
  }

  async end(): Promise<void> {
    await Promise.all(this.#players.map(({ stage }) => stage.stop()));
  }

  #fail(name: string, row: string, error: unknown): void {
    const reason = error instanceof Error ? error.message : String(error);
    this.#bench.log(`  ${name} failed in ${row}: ${reason}`);
    this.failures.push({ name, row, reason });
  }
}
