/** Kinds of trouble; each schedule draws its own mix. */
export const FAULTS = [
  'cut',
  'silence',
  'stall',
  'crashNode',
  'freezeNode',
  'holdNode',
  'crashClient',
  'loseLog',
  'restoreLog',
  'drain',
  'jumpClock',
  'slowNode',
  'latency',
  'burst',
] as const;
export type Fault = (typeof FAULTS)[number];

/** What shows in a schedule that a class of faults was there. */
export const FAULT_EVENTS: Readonly<Record<string, readonly string[]>> = {
  ...Object.fromEntries(FAULTS.map((fault) => [fault, [fault]])),
  cut: ['cut', 'cutAfter'],
  kick: ['kick', 'kickUser', 'closeUser'],
  'lost worker': ['recipe TC_WORKER_FAILED', 'recipe TC_SERIALIZATION_TIMEOUT'],
  'failed compression': ['compression fails'],
  'erased thread': ['erase'],
};
