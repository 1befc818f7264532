import type { Link } from '../../api/socket.ts';
import { guarded } from '../support/emitter.ts';
import type { FrameWriter } from '../delivery/frame-writer.ts';
import type { Task } from '../support/slice-scheduler.ts';

// A link of somebody else's may throw, which must not keep its connection from ending: that is reported, and it ends.

type Report = (error: unknown) => void;

/** Most that the end of a link may take, the peer's answer to the close frame included; as long as `ws` waits for that. */
const MAX_ENDING_MS = 30_000;

/** What a peer may go on saying meanwhile; each frame counts as `FRAME_BYTES` at least. */
const MAX_HEARD_BYTES = 1024 * 1024;
const FRAME_BYTES = 256;

/** What the end of a link needs of its connection. */
export interface EndingServices {
  readonly link: Link;
  readonly writer: FrameWriter;
  readonly code: number;
  readonly reason: string;
  readonly now: number;
  readonly report: Report;
  /** Has it run in the turns' slices. */
  readonly enqueue: (ending: LinkEnding) => void;
}

/**
 * The end of a connection's link. The message that has begun goes out to its end, and what the protocol has to say, then the close frame:
 * a client that has lost the end of a message, or does not learn why it was closed, would come back for it. It is cut where the peer
 * takes nothing any more, or takes too long.
 */
export class LinkEnding implements Task {
  readonly #services: EndingServices;
  readonly #cutAt: number;
  /** The close frame has been handed to the socket, which sends it after what it holds. */
  #isClosing = false;
  #heardBytes = 0;
  #takenBytes = 0;

  constructor(services: EndingServices) {
    this.#services = services;
    this.#cutAt = services.now + MAX_ENDING_MS;
  }

  /** Nearly always there is nothing to wait for, and the close frame goes at once. */
  begin(): void {
    const { link, report, enqueue } = this.#services;
    guarded(() => link.uncork(), report);
    this.#takenBytes = this.#taken;
    if (!this.run()) enqueue(this);
  }

  /** The socket takes bytes again. */
  drained(): void {
    if (!this.#isClosing) this.#services.enqueue(this);
  }

  /** The peer goes on talking. */
  heard(bytes: number): void {
    this.#heardBytes += Math.max(bytes, FRAME_BYTES);
    if (this.#heardBytes > MAX_HEARD_BYTES) this.cut();
  }

  /** The sweep's look. */
  examine(now: number, hasStalled: boolean): void {
    if (hasStalled || now >= this.#cutAt) this.cut();
  }

  /** Whether the peer has taken bytes since this was last asked. */
  hasMoved(): boolean {
    const before = this.#takenBytes;
    this.#takenBytes = this.#taken;
    return this.#takenBytes > before;
  }

  /** The socket is gone. */
  stop(): void {
    this.#isClosing = true;
  }

  cut(): void {
    this.stop();
    cutLink(this.#services.link, this.#services.report);
  }

  /** A piece of a big message at a time; true where there is nothing to do now: a drain follows, or it is closing. */
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
