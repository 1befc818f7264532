import type { RequestListener, Server } from 'node:http';
import type { Hub } from 'threadcast';

export declare const hub: Hub;
export declare const server: Server;
export declare const app: RequestListener;
export declare const log: { info(text: string): void; warn(facts: object): void };
export declare const message: string;
export declare const rooms: readonly { id: string; readTo: string }[];
export declare const userId: string;
export declare function authenticate(): { userId: string };
export declare function authorize(): boolean;
export declare function memberIdsOf(threadId: string): Promise<string[]>;
export declare function push(userId: string, notification: { threadId: string; collapseKey: string }): void;
export declare function show(threadId: string, data: unknown, at: number | undefined, unread: number | undefined): void;
export declare function verifyJwt(token: string): Promise<{ sub: string; exp: number; roles: string[] } | undefined>;
