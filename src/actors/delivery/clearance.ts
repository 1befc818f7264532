/** The kinds of writes: a notice of the protocol, a message, or a part of a big message. */
export type WriteKind = 'notice' | 'message' | 'part';

/**
 * Whether a connection may write, and what wakes it if it may not.
 *
 * - `now`: write.
 * - `turn`: something else has begun and comes first, in a later turn of the scheduler.
 * - `signal`: wait for an event that schedules a turn: the link drains, what it has in the air lands, the gate opens, the client answers a ping, or a part is compressed.
 */
export type Clearance = 'now' | 'turn' | 'signal';
