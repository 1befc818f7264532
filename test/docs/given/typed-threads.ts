import type { IncomingMessage, Server } from 'node:http';
import type { Codec, Hub } from 'threadcast';
import type { Client } from 'threadcast/client';
import { defineThread } from 'threadcast/define';
import { z } from 'zod';

export const room = defineThread('room:*', {
  message: z.object({ text: z.string(), userId: z.string() }),
  publish: z.object({ text: z.string() }),
});
export declare const client: Client;
export declare const server: Server;
export declare const form: { text: string };
export declare const words: Codec<string, { words: string }>;
export declare const url: string;
export declare const hub: Hub;
export declare function add(chunk: string): void;
export declare function clear(): void;
export declare function mark(path: string): void;
export declare function mayRead(userId: string, room: string | undefined): boolean;
export declare function nextNumber(): Promise<number>;
export declare function show(text: string | undefined, chunks?: readonly unknown[]): void;
export declare function userOf(request: IncomingMessage): Promise<string>;
