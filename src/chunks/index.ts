export { chunksOf, connect, updatesOf } from './chunk-client.ts';
export type { ChunkClient, ChunkConnectOptions, ChunkJoinOptions } from './chunk-client.ts';
export type { ChunkUpdate } from './chunk-log.ts';
export type { Codec, ThreadDefinition } from '../api/definition.ts';
