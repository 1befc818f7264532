import type { Hub } from 'threadcast';

export declare const hub: Hub;
export declare const usersById: Map<string, { name: string }>;
export declare const cursor: AsyncIterable<unknown>;
export declare const pool: { query(text: string, values: unknown[]): Promise<{ rows: unknown[] }> };
export declare function rowsOf(result: { rows: unknown[] }): unknown[];
