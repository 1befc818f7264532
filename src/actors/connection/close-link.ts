import { guarded } from '../support/emitter.ts';
import type { FrameWriter } from '../delivery/frame-writer.ts';
import type { Link } from '../../api/socket.ts';

// A link of somebody else's may throw, which must not keep its connection from ending: that is reported, and it ends.

type Report = (error: unknown) => void;

/** Hands over what is only gathered; true where the kernel has all that was written. */
export function flushLink(link: Link, outbox: FrameWriter, report: Report): boolean {
  let isFlushed = false;
  guarded(() => {
    outbox.depart();
    link.uncork();
    isFlushed = link.unsentBytes === 0;
  }, report);
  return isFlushed;
}

/** With a close frame, or without one where that fails. */
export function closeLink(link: Link, { code, reason }: { code: number; reason: string }, report: Report): void {
  guarded(
    () => link.close(code, reason),
    (error) => {
      report(error);
      cutLink(link, report);
    },
  );
}

export function cutLink(link: Link, report: Report): void {
  guarded(() => link.terminate(), report);
}
