import type { IncomingMessage, Server } from 'node:http';

export declare const server: Server;
export declare const me: string;
export declare const input: HTMLInputElement;
export declare const form: HTMLFormElement;
export declare function userOf(request: IncomingMessage): string | undefined;
export declare function show(message: { user: string; text: string }): void;
export declare function showOlder(messages: readonly { id: string; data: unknown }[], hasOlder: boolean): void;
export declare function showUsers(users: Iterable<string>, count: number): void;
export declare function showTyping(users: readonly string[]): void;
