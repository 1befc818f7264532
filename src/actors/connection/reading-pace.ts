import type { Clock } from '../../api/clock.ts';
import type { Link } from '../../api/socket.ts';
import { guarded } from '../support/emitter.ts';

/** What a client may send before the event loop has a turn for others. Otherwise its socket would be read for two megabytes at a time. */
const FRAMES_AT_ONCE = 256;
const BYTES_AT_ONCE = 64 * 1024;

/** Reads no more from a client than is handled: after each batch, the socket pauses for a turn, and as long as `isBehind`. */
export class ReadingPace {
  readonly #link: Pick<Link, 'pauseReading' | 'resumeReading'>;
  readonly #clock: Clock;
  readonly #isBehind: () => boolean;
  readonly #report: (error: unknown) => void;
  #frames = 0;
  #readBytes = 0;
  #isPaused = false;

  constructor(
    link: Pick<Link, 'pauseReading' | 'resumeReading'>,
    clock: Clock,
    isBehind: () => boolean,
    report: (error: unknown) => void,
  ) {
    this.#link = link;
    this.#clock = clock;
    this.#isBehind = isBehind;
    this.#report = report;
  }

  /**
   * The client has sent a frame.
   * @param readBytes all bytes that came from it, if the link counts them
   */
  note(readBytes: number | undefined): void {
    this.#frames++;
    if (this.#isPaused) return;
    const bytes = readBytes === undefined ? 0 : readBytes - this.#readBytes;
    if (this.#frames < FRAMES_AT_ONCE && bytes < BYTES_AT_ONCE) return;
    this.#isPaused = true;
    this.#readBytes += bytes;
    guarded(() => this.#link.pauseReading?.(), this.#report);
    this.#clock.nextTurn(this.#nextTurn);
  }

  readonly #nextTurn = (): void => {
    if (this.#isBehind()) {
      this.#clock.nextTurn(this.#nextTurn);
      return;
    }
    this.#isPaused = false;
    this.#frames = 0;
    guarded(() => this.#link.resumeReading?.(), this.#report);
  };
}
