// One visit of a subscription must not block the event loop, however long the catch-up. The socket is no limit: one that was reset takes
// everything until its end is reported.

/** Single entries, or joined runs. */
export const STEPS_PER_VISIT = 256;

/** Copying them into runs takes about a millisecond. */
export const BYTES_PER_VISIT = 1024 * 1024;
