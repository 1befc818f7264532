import type { LogTail, Position } from '../../api/log.ts';

/** The position of an offset. Its id is known if the log holds the entry, if it is the newest, or perhaps if it is the one before the oldest. */
export function positionIn(tail: LogTail, offset: number): Position {
  return { epoch: tail.epoch, offset, id: idAt(tail, offset) };
}

function idAt(tail: LogTail, offset: number): string {
  if (offset === tail.head) return tail.headId;
  return tail.at(offset)?.id ?? (offset === tail.first - 1 ? (tail.idBefore ?? '') : '');
}
