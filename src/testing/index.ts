export { FakeLink } from './fake-link.ts';
export { VirtualClock } from './virtual-clock.ts';
