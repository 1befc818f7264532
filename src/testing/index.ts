export { FakeLink } from './fake-link.ts';
export { logContract } from './log-contract.ts';
export type { LogContractOptions, LogPart, MakeNodes } from './log-contract.ts';
export { VirtualClock } from './virtual-clock.ts';
