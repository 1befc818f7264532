/** What goes wrong with Redis, and between it and the nodes. */
export const REDIS_FAULTS = [
  'restart',
  'lose',
  'restore',
  'fail over',
  'freeze',
  'cut',
  'silence',
  'mute',
  'slow',
  'full',
  'forget scripts',
] as const;
export type RedisFault = (typeof REDIS_FAULTS)[number];
