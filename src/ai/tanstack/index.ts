export { agUiCodec } from './ag-ui-codec.ts';
export type { AgUiEvent, LoggedRun } from './ag-ui-codec.ts';
export { tanstackConnection, TanstackConnection } from './connection.ts';
export type { RunContext, TanstackConnectionOptions } from './connection.ts';
export type { RunProcessor } from './conversation.ts';
export type { HydratePage, Hydration } from './hydration.ts';
