import type { Hub } from 'threadcast';

export declare const hub: Hub;
export declare const order: { id: number };
/** Of the package pg, which brings no types. */
export declare const pool: {
  connect(): Promise<{
    query(query: string | object, values?: unknown[]): Promise<{ rows: Record<string, unknown>[] }>;
  }>;
};
