export { inspectorHandler } from './handler.ts';
export type { InspectorHandler } from './handler.ts';
export type { InspectorHandlerOptions, InspectorOptions, InspectorServerOptions } from './options.ts';
export type { InspectedMove, InspectedPool, InspectedPoolConnection } from './pools.ts';
export { inspector } from './server.ts';
export type { InspectorServer } from './server.ts';
export { statelyInspect } from './stately.ts';
export type { StatelyInspector, StatelyInspectOptions } from './stately.ts';
