import type { DeliveryLog } from '../../src/index.ts';

/** What the nodes share, as real processes on loopback, and what can happen to it: one for each log. */
export interface Store {
  /** In the words of a scenario: `Redis`. */
  readonly name: string;
  /** Where the lines of the nodes lead. */
  readonly port: number;
  /** What can happen to this store, in the order of the scenario. What can happen to the nodes is the scenario's. */
  readonly troubles: readonly Trouble[];
  /** The nodes take orders as well, which commit with a transaction of the application. */
  readonly hasTransactions?: boolean;
  /** For a node, whose way to the store leads through a port: `makeLog` of `node.ts` reads it. */
  env(port: number): Readonly<Record<string, string>>;
  /** To read what is in the log after all. */
  openLog(): DeliveryLog;
  /** What else is wrong at the end, in words, besides what clients and publishers see. */
  faults?(logs: Logs): Promise<readonly string[]>;
  stop(): Promise<void>;
}

/** One thing that happens under load. */
export interface Trouble {
  readonly name: string;
  /** @returns when acknowledged messages may have been lost; nothing, if all of them have to be there */
  readonly happen: (stage: Stage) => Promise<Loss | undefined | void>;
}

/** What a trouble may use. */
export interface Stage {
  /** How long each trouble lasts, and how long something stands still. */
  readonly troubleMs: number;
  readonly freezeMs: number;
  /** The lines of the nodes to the store. */
  readonly lines: readonly { target: number; cut(): void }[];
  /** Until messages are acknowledged again, for some time. */
  readonly quiet: () => Promise<void>;
}

/** The entries of each thread. */
export type Logs = ReadonlyMap<string, readonly { readonly offset: number; readonly id: string }[]>;

/** When a restored store may have lost what was acknowledged, on the publishers' clock. */
export interface Loss {
  readonly from: number;
  readonly to: number;
}
