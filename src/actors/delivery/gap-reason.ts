/**
 * Why a client misses messages.
 *
 * - `trimmed`: the log dropped them before they were delivered.
 * - `epoch`: the log was recreated and its offsets began anew.
 * - `fork`: the log lost its newest entries, so the position is not in its history.
 * - `ahead`: the same, and the log has not reached that offset again.
 */
export type GapReason = 'trimmed' | 'epoch' | 'fork' | 'ahead';
