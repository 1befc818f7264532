/** What asks to be written: a notice of the protocol, a message, or a part of a big message. */
export type WriteKind = 'notice' | 'message' | 'part';

/**
 * Whether it may be written, and what wakes it where not. `now`: write it. `turn`: something else has begun and comes first, in a turn
 * of the scheduler. `signal`: nothing to do until a signal comes that has its turn scheduled: the link drains, the gate opens, the client
 * answers a ping, or a part has been compressed.
 */
export type Clearance = 'now' | 'turn' | 'signal';
