/** The threads of the demo; a client may join these and no others. */
export const threads = {
  /** The recorded conversation. */
  conversation: 'demo.conversation',
  /** What pages ask for; nothing is sent there. */
  control: 'demo.control',
  /** The hub's numbers, four times a second, volatile: only the newest is worth anything. */
  status: 'demo.status',
  /** What happened to connections; logged, so that a page that comes late has them too. */
  events: 'demo.events',
} as const;

const known: readonly string[] = Object.values(threads);

/** The demo's `authorize`. */
export const mayJoin = (threadId: string): boolean => known.includes(threadId);
