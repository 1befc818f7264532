/** The body of a response that stays open. */
export interface Sink {
  /** `chunked`: what is written is framed already, as chunks of HTTP/1.1. */
  readonly framing: 'chunked' | 'raw';
  /** Bytes handed over that have not been taken. */
  readonly unsentBytes: number;
  /** Bytes that have been taken; only grows. */
  readonly takenBytes: number;
  /**
   * @param parts none, to learn when what was written before has been taken
   * @param onTaken called once: when the bytes have been taken, or when the response is gone
   */
  write(parts: readonly Uint8Array[], onTaken?: () => void): void;
  cork(): void;
  uncork(): void;
  /** Ends the response after what was written. */
  end(): void;
  /** Ends it now. */
  destroy(): void;
}

/** Never called while a method of the sink runs. */
export interface SinkListener {
  onDrain(): void;
  /** The response is gone: ended, or lost. The last call. */
  onClose(): void;
}

export type OpenSink = (listener: SinkListener) => Sink;
