import type { Clock } from '../api/clock.ts';
import type { MaybePromise } from '../api/message.ts';
import type { ProtocolHost } from '../api/protocol.ts';
import { AnswerTimeoutError } from '../infra/errors.ts';
import { ChatTelemetry } from '../infra/telemetry/chat-telemetry.ts';
import { after } from '../infra/time/after.ts';
import { wallTime } from '../infra/time/clock.ts';
import { inTime } from '../infra/time/in-time.ts';

/** What chats use of their hub. */
export class ChatHost {
  readonly clock: Clock;
  readonly telemetry: ChatTelemetry;
  readonly #host: ProtocolHost;

  constructor(host: ProtocolHost) {
    this.#host = host;
    this.clock = host.clock;
    this.telemetry = new ChatTelemetry((error) => host.report(error), host.tracer, host.meter);
  }

  /** An `error` event of the hub. */
  report(error: unknown): void {
    this.#host.report(error);
  }

  /** Milliseconds since 1970. */
  get wallTime(): number {
    return wallTime(this.clock);
  }

  /** Calls back after a time, without keeping the process alive. Returns what cancels it. */
  after(ms: number, callback: () => void): () => void {
    return after(this.clock, ms, callback);
  }

  wait(ms: number): Promise<void> {
    return new Promise((resolve) => void this.after(ms, resolve));
  }

  /**
   * The application's answer. What comes later is ignored.
   * @throws AnswerTimeoutError (`TC_ANSWER_TIMEOUT`)
   */
  answerOf<T>(callback: AnswerTimeoutError['callback'], answer: MaybePromise<T>, timeoutMs: number): Promise<T> {
    const { promise, reject } = Promise.withResolvers<never>();
    return inTime(this.clock, timeoutMs, Promise.race([answer, promise]), () =>
      reject(new AnswerTimeoutError({ callback, timeoutMs })),
    );
  }
}
