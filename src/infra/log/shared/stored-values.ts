/** The owner of a value: a connection of a node. */
export const ownerOf = (nodeId: string, owner: string): string => `${nodeId}/${owner}`;

export const nodeOf = (owner: string): string => owner.slice(0, owner.indexOf('/'));

/** A change of a thread's values, as the shared log reports it. */
export interface ValueNews {
  readonly epoch: string;
  readonly revision: number;
  readonly key: string;
  /** Undefined for a removed value. */
  readonly json: string | undefined;
  readonly owner: string | undefined;
  /** Infinity for a value that stays. */
  readonly ttlMs: number;
}

/** A value, as the shared log keeps it. */
export interface StoredValue {
  readonly key: string;
  readonly json: string;
  readonly owner: string | undefined;
  /** How long it still lives. */
  readonly ttlMs: number;
}

/** The values of a thread, with the number of the newest change. */
export interface StoredValues {
  readonly epoch: string;
  readonly revision: number;
  readonly values: readonly StoredValue[];
}
