import type { LogTail, Position } from '../../api/log.ts';

/** The position of an offset. Its id is known if the log holds the entry, or if it is the newest. */
export function positionIn(tail: LogTail, offset: number): Position {
  return { epoch: tail.epoch, offset, id: offset === tail.head ? tail.headId : (tail.at(offset)?.id ?? '') };
}
