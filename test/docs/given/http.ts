import type { RequestListener } from 'node:http';
import type { Hub } from 'threadcast';

export declare const hub: Hub;
export declare const app: RequestListener;
export declare function sessionOf(cookie: string | undefined): { userId: string } | null;
export declare function mayRead(session: { userId?: string | undefined }, threadId: string): boolean;
export declare function show(data: unknown): void;
