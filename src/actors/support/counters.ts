/** Plain integers, counted where things happen, and read by `hub.stats()` and the metrics. */
export interface Counters {
  /** Number of times that a client made no progress for `sendTimeoutMs`. */
  sendTimeouts: number;
  /** Retries of admission that have begun. */
  timeoutRetries: number;
  /** Deliveries whose first attempt and all retries timed out; the message stays in the log. */
  timeoutFailures: number;
  /** Connections that the hub ended, or whose line broke. */
  connectionsEvicted: number;
  connectionsAccepted: number;
  /** Messages accepted by `send`. */
  messagesPublished: number;
  /** Messages handed to sockets. */
  deliveries: number;
  /** Messages that `send` refused. */
  sendsFailed: number;
  volatileDropped: number;
  /** Token streams in progress. */
  streams: number;
  /** Frames of token streams handed to sockets. */
  textFrames: number;
  /** Values that the application or a client has set or removed in this process. */
  valueChanges: number;
  /** Frames of values handed to sockets. */
  valueFrames: number;
  /** Answers of `onPublish` with data that this process has put into the log. */
  answersRemembered: number;
  /** Publications that got the answer of an earlier attempt: `onPublish` was not asked. */
  answersRepeated: number;
  /** Calls of `hub.user().close()`, in any process, that this process has carried out. */
  userCloses: number;
  /** Likewise of `hub.user().leave()`. */
  userLeaves: number;
  gaps: number;
  /** Joins from a position. */
  resumes: number;
}

export function makeCounters(): Counters {
  return {
    sendTimeouts: 0,
    timeoutRetries: 0,
    timeoutFailures: 0,
    connectionsEvicted: 0,
    connectionsAccepted: 0,
    messagesPublished: 0,
    deliveries: 0,
    sendsFailed: 0,
    volatileDropped: 0,
    streams: 0,
    textFrames: 0,
    valueChanges: 0,
    valueFrames: 0,
    answersRemembered: 0,
    answersRepeated: 0,
    userCloses: 0,
    userLeaves: 0,
    gaps: 0,
    resumes: 0,
  };
}
