/** The values of the observable instruments, all plain numbers. Times in milliseconds. */
export interface Readings {
  readonly sendTimeouts: number;
  readonly timeoutRetries: number;
  readonly timeoutFailures: number;
  readonly connectionsAccepted: number;
  readonly connectionsEvicted: number;
  readonly connections: Readonly<Record<'open' | 'retrying' | 'tripped', number>>;
  readonly threads: number;
  readonly subscriptions: number;
  readonly subscriptionsBehind: number;
  /** Of the subscription that is furthest behind. */
  readonly behindEntries: number;
  /** Age of the oldest entry that a subscription still waits for. */
  readonly behindMs: number;
  readonly messagesPublished: number;
  readonly sendsFailed: number;
  readonly deliveries: number;
  readonly sentBytes: number;
  readonly volatileDropped: number;
  readonly streams: number;
  readonly textFrames: number;
  readonly valueChanges: number;
  readonly valueFrames: number;
  readonly answersRemembered: number;
  readonly answersRepeated: number;
  readonly answersHeld: number;
  /** Of answers and claims, by the log's own count. */
  readonly answerBytes: number;
  readonly userCloses: number;
  readonly userLeaves: number;
  readonly gaps: number;
  readonly resumes: number;
  /** By the code of the error. */
  readonly errors: ReadonlyMap<string, number>;
  /** By the reason. */
  readonly refusals: ReadonlyMap<string, number>;
  /** 1 while the log is lost. */
  readonly logsLost: number;
  readonly serializing: number;
  readonly segmentsInUse: number;
  readonly workersRunning: number;
  readonly workersIdle: number;
  readonly recipesQueued: number;
  /** The longest time that one slice of our own work has held the event loop in the last minute. */
  readonly loopBlockMs: number;
  /** The largest delay of the event loop in the last minute, whatever caused it. */
  readonly loopLateMs: number;
  readonly pressure: number;
  /** Flights of the native sender that have not landed, of all hubs of the realm. */
  readonly flightsInAir: number;
  /** How long there have been such flights without a break. */
  readonly senderLagMs: number;
}
