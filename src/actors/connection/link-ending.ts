import type { Clock, TimerHandle } from '../../api/clock.ts';
import type { Link } from '../../api/socket.ts';
import { guarded } from '../support/emitter.ts';
import type { FrameWriter } from '../delivery/frame-writer.ts';
import type { Task } from '../support/slice-scheduler.ts';

// A custom link may throw, which must not keep its connection from ending. The error is reported, and the connection ends.

type Report = (error: unknown) => void;

/** Maximum time for the end of a link, including the client's answer to the close frame; as long as `ws` waits for it. */
const MAX_ENDING_MS = 30_000;

/** Bytes that a client may still send meanwhile; each frame counts as `FRAME_BYTES` at least. After that the socket is read no more. */
const MAX_HEARD_BYTES = 1024 * 1024;
const FRAME_BYTES = 256;

/**
 * The time that such a client then has to read the close frame. A cut at once would overtake it: unread data makes TCP answer
 * with a reset (RFC 9112 section 9.6 has the same for HTTP), and the client's next write fails before it reads.
 */
const LINGER_MS = 500;

/** Bytes that a link may still report after it was asked to stop reading. It has read them before, or cannot stop. */
const MAX_DEAF_BYTES = 4 * MAX_HEARD_BYTES;

/** What the end of a link needs from its connection. */
export interface EndingServices {
  readonly link: Link;
  readonly writer: FrameWriter;
  readonly code: number;
  readonly reason: string;
  readonly clock: Pick<Clock, 'now' | 'setTimeout' | 'clearTimeout'>;
  readonly report: Report;
  /** Runs it in slices of the scheduler. */
  readonly enqueue: (ending: LinkEnding) => void;
}

/**
 * The end of a connection's link. The message in progress and the waiting notices are sent, then the close frame. A client that lost the
 * end of a message, or did not learn why it was closed, would come back for it. The link is cut if the client accepts nothing any more, or
 * takes too long.
 */
export class LinkEnding implements Task {
  readonly #services: EndingServices;
  readonly #cutAt: number;
  /** The close frame has been handed to the socket, which sends it after its buffered bytes. */
  #isClosing = false;
  #heardBytes = 0;
  /** Runs while the client is read no more. */
  #lingering: TimerHandle;
  #isDeaf = false;
  #takenBytes = 0;

  constructor(services: EndingServices) {
    this.#services = services;
    this.#cutAt = services.clock.now() + MAX_ENDING_MS;
  }

  /** Nearly always nothing waits, and the close frame goes at once. */
  begin(): void {
    const { link, report, enqueue } = this.#services;
    guarded(() => link.uncork(), report);
    this.#takenBytes = this.#taken;
    if (!this.run()) enqueue(this);
  }

  /** The socket accepts bytes again. */
  drained(): void {
    if (!this.#isClosing) this.#services.enqueue(this);
  }

  /** The client sent too much after the end; what it sends now stays in the kernel, which makes it wait. */
  get isDeaf(): boolean {
    return this.#isDeaf;
  }

  /** The client continues to send. */
  heard(bytes: number): void {
    if (this.#isDeaf) {
      this.#heardBytes += bytes;
      if (this.#heardBytes > MAX_DEAF_BYTES) this.cut();
      return;
    }
    this.#heardBytes += Math.max(bytes, FRAME_BYTES);
    if (this.#heardBytes <= MAX_HEARD_BYTES) return;
    this.deafen();
  }

  /** Reads no more of what the client sends, and cuts the link when the client has had the time to read the close frame. */
  deafen(): void {
    if (this.#isDeaf) return;
    const { link, clock, report } = this.#services;
    this.#heardBytes = 0;
    this.#isDeaf = true;
    this.#lingering = clock.setTimeout(() => this.cut(), LINGER_MS);
    guarded(() => link.pauseReading?.(), report);
  }

  /** The look of the sweep. */
  examine(now: number, hasStalled: boolean): void {
    if (hasStalled || now >= this.#cutAt) this.cut();
  }

  /** Whether the client has accepted bytes since the last call. */
  hasMoved(): boolean {
    const before = this.#takenBytes;
    this.#takenBytes = this.#taken;
    return this.#takenBytes > before;
  }

  /** The socket is gone. */
  stop(): void {
    this.#isClosing = true;
    if (this.#isDeaf) this.#services.clock.clearTimeout(this.#lingering);
  }

  cut(): void {
    this.stop();
    cutLink(this.#services.link, this.#services.report);
  }

  /** Sends one piece of a big message; true if nothing is to be done now: a drain follows, or the link is closing. */
  run(): boolean {
    const { link, writer, code, reason, report } = this.#services;
    let isDone = true;
    guarded(
      () => {
        if (this.#isClosing) return;
        const clearance = writer.finish();
        isDone = clearance !== 'turn';
        if (clearance !== 'now') return;
        this.#isClosing = true;
        link.close(code, reason);
      },
      (error) => {
        report(error);
        this.cut();
      },
    );
    return isDone;
  }

  get #taken(): number {
    let taken = 0;
    guarded(() => {
      taken = this.#services.link.takenBytes;
    }, this.#services.report);
    return taken;
  }
}

export function cutLink(link: Link, report: Report): void {
  guarded(() => link.terminate(), report);
}
