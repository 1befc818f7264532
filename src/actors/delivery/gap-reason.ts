/**
 * Why something is missing: trimmed from the log before it was delivered; another life of the log; or the position is not in the
 * log's history, because the log lost its newest entries (`fork`), and has not come that far again (`ahead`).
 */
export type GapReason = 'trimmed' | 'epoch' | 'fork' | 'ahead';
