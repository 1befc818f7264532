import { ChatTarget } from './chat-target.ts';
import { ClientTarget } from './client-target.ts';
import { HttpTarget } from './http-target.ts';
import type { Target } from './input.ts';
import { PostgresTarget } from './postgres-target.ts';
import { RedisTarget } from './redis-target.ts';
import { RelayTarget } from './relay-target.ts';
import { ServerTarget } from './server-target.ts';

/** By the name of their corpus. */
export const TARGETS: Readonly<Record<string, () => Promise<Target>>> = {
  chat: async () => new ChatTarget(),
  client: async () => new ClientTarget(),
  http: async () => HttpTarget.open(),
  postgres: async () => PostgresTarget.open(),
  redis: async () => RedisTarget.open(),
  relay: async () => RelayTarget.open(),
  server: async () => new ServerTarget(),
};
