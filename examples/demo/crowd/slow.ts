/** What a client on a slow line reads: ten megabytes a second, so the big result takes five seconds. */
export const SLOW_BYTES_PER_SECOND = 10_000_000;
