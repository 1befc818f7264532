import type { Server } from 'node:http';
import type { Connection, Hub } from 'threadcast';
import type { ClientThread } from 'threadcast/client';

export declare const hub: Hub;
export declare const server: Server;
export declare const connection: Connection;
export declare const thread: ClientThread;
export declare const url: string;
export declare const input: HTMLInputElement;
export declare const rest: { authenticate: () => { userId: string }; authorize: () => boolean };
export declare function authenticate(): { userId: string };
export declare function authorize(): boolean;
export declare function show(...facts: unknown[]): void;
