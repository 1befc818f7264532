import type { JoinOptions, LeaveOptions } from '../../api/connection.ts';
import { assertThreadId, parsePosition } from '../../infra/log/ids.ts';
import { checkOptions, type OptionTable } from '../../infra/option-table.ts';
import { assertReason } from '../../infra/wire/close-codes.ts';

const JOIN_OPTIONS: OptionTable<JoinOptions> = { from: 'text' };
const LEAVE_OPTIONS: OptionTable<LeaveOptions> = { reason: 'text' };

/**
 * Where a join of the application begins to read.
 * @throws InvalidOptionError, InvalidThreadIdError or InvalidPositionError
 */
export function resolveJoin(threadId: string, options: JoinOptions): string | undefined {
  assertThreadId(threadId);
  checkOptions<JoinOptions>(options, JOIN_OPTIONS);
  const { from } = options;
  if (from !== undefined && from !== 'start') parsePosition(from);
  return from;
}

/**
 * The reason that the client gets.
 * @throws InvalidOptionError or InvalidThreadIdError
 */
export function resolveLeave(threadId: string, options: LeaveOptions): string {
  assertThreadId(threadId);
  checkOptions<LeaveOptions>(options, LEAVE_OPTIONS);
  const { reason = 'kicked' } = options;
  assertReason(reason, 1);
  return reason;
}
