/** What the benchmark tells the server's process. */
export interface Order {
  readonly order: 'open' | 'close' | 'talk' | 'begin' | 'end';
  /** Of `talk`; 0 for silence. */
  readonly messagesPerSecond?: number;
}

/** What the server's process was between `begin` and `end`. */
export interface Measured {
  /** CPU of the whole process, of one core. */
  readonly cpuShare: number;
  /** Longest stretch of CPU on the main thread between two ticks of the probe. */
  readonly longestBlockMs: number;
  readonly connections: number;
}
