export { statelyInspect } from './stately.ts';
export type { StatelyInspector, StatelyInspectOptions } from './stately.ts';
