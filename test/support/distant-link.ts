import type { Link, LinkListener, Piece } from '../../src/api/socket.ts';
import type { VirtualClock } from '../../src/testing/index.ts';

export interface Line {
  readonly roundTripMs: number;
  readonly bytesPerMs: number;
}

/**
 * A long line in virtual time, whose kernel takes everything at once: what is written arrives after all that was written before, at the
 * line's rate, half a round trip later.
 */
export class DistantLink implements Link {
  readonly arrivals: { readonly text: string; readonly at: number }[] = [];
  readonly unsentBytes = 0;
  takenBytes = 0;
  arrivedBytes = 0;
  line: Line;
  readonly #clock: VirtualClock;
  #listener: LinkListener | undefined;
  #freeAt = 0;

  constructor(clock: VirtualClock, line: Line) {
    this.#clock = clock;
    this.line = line;
  }

  readonly attach = (listener: LinkListener): Link => {
    this.#listener = listener;
    return this;
  };

  say(frame: object): void {
    this.#listener?.onMessage(Buffer.from(JSON.stringify(frame)), false);
  }

  write(piece: Piece): void {
    // the head is enough to know it by
    const bytes = piece.reduce((sum, { length }) => sum + length, 0);
    const text = Buffer.concat(piece).subarray(0, 200).toString();
    this.takenBytes += bytes;
    this.#carry(bytes, () => {
      this.arrivedBytes += bytes;
      this.arrivals.push({ text, at: this.#clock.now() });
    });
  }

  cork(): void {}

  uncork(): void {}

  ping(seq: number): void {
    this.#carry(8, () => this.#clock.setTimeout(() => this.#listener?.onPong(seq), this.line.roundTripMs / 2));
  }

  close(code: number, reason: string): void {
    queueMicrotask(() => this.#listener?.onClose(code, reason));
  }

  terminate(): void {
    this.close(1006, '');
  }

  #carry(bytes: number, arrive: () => void): void {
    const { roundTripMs, bytesPerMs } = this.line;
    const now = this.#clock.now();
    this.#freeAt = Math.max(now, this.#freeAt) + bytes / bytesPerMs;
    this.#clock.setTimeout(arrive, this.#freeAt - now + roundTripMs / 2);
  }
}
