import type { LogTail, Position } from '../../api/log.ts';
import { parsePosition } from '../../infra/log/ids.ts';
import type { GapReason } from '../delivery/gap-reason.ts';
import { positionIn } from '../delivery/position-in.ts';

/** Where a join starts, and what the client has to know about it. */
export interface JoinPlan {
  readonly start: Position;
  /** Number of entries between there and the newest. */
  readonly recovered: number;
  readonly gap: GapReason | undefined;
}

/**
 * @param from a position, `start` for all kept entries, or undefined for new ones only
 * @throws InvalidPositionError
 */
export function planJoin(tail: LogTail, from: string | undefined): JoinPlan {
  const newest = { start: positionIn(tail, tail.head), recovered: 0 };
  if (from === undefined) return { ...newest, gap: undefined };
  const { epoch, first, head } = tail;
  const oldest = { start: { epoch, offset: first - 1, id: '' }, recovered: head - first + 1 };
  if (from === 'start') return { ...oldest, gap: undefined };
  const position = parsePosition(from);
  if (position.epoch !== epoch) return { ...oldest, gap: 'epoch' };
  if (position.offset > head) return { ...newest, gap: 'ahead' };
  const { id } = positionIn(tail, position.offset);
  if (id !== '' && position.id !== '' && id !== position.id) return { ...newest, gap: 'fork' };
  if (position.offset + 1 < first) return { ...oldest, gap: 'trimmed' };
  return { start: position, recovered: head - position.offset, gap: undefined };
}
