export { connectionMachine } from './connection.ts';
export type { ConnectionContext, ConnectionEvent, ConnectionInput, ConnectionPolicy, Eviction } from './connection.ts';
export { hubMachine } from './hub.ts';
export type { HubEvent } from './hub.ts';
export { serializerMachine } from './serializer.ts';
export type { SerializerEvent } from './serializer.ts';
export { threadMachine } from './thread.ts';
export type { ThreadEvent, ThreadInput } from './thread.ts';
export { poolConnectionMachine } from './pool-connection.ts';
export type {
  PoolConnectionContext,
  PoolConnectionEvent,
  PoolConnectionInput,
  PoolConnectionPolicy,
} from './pool-connection.ts';
