import type { IncomingMessage, Server } from 'node:http';
import type { AnyTextAdapter } from '@tanstack/ai';
import type { LanguageModel, UIMessage, UIMessageChunk } from 'ai';

// What the reader of docs/ai.md has; see test/support/doc-blocks.ts.

export declare const adapter: AnyTextAdapter;
export declare const model: LanguageModel;
export declare const server: Server;
export declare const hub: import('../../dist/index.d.ts').Hub;
export declare function authenticate(): { userId: string };
export declare function authorize(session: { userId: string }, chatId: string): boolean;
export declare function mayUse(userId: string, chatId: string): Promise<boolean>;
export declare function run(turn: { messages: UIMessage[]; signal: AbortSignal }): AsyncIterable<UIMessageChunk>;
export declare function sessionOf(request: IncomingMessage): Promise<{ userId: string } | null>;
export declare function token(): Promise<string>;
