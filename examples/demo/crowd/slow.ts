/** What a client on a slow line reads: four megabytes a second, so the big result takes five seconds. */
export const SLOW_BYTES_PER_SECOND = 4_000_000;
