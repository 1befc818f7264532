import type { LogReset, Position } from '../../../api/log.ts';
import type { LogBuffer } from '../log-buffer.ts';
import { isAfterErasure, type Anchor } from './arrival.ts';
import type { LogSource } from './tail-host.ts';

/** The point where the held history and the log's history differ. */
export interface Parting {
  readonly reset: LogReset;
  /** No held entry is usable: continue after this. Absent if all entries up to `reset.after` are. */
  readonly restart?: Position;
}

/**
 * Compares the held entries with the log; undefined if both have the same history.
 * @param heard the oldest offset of an entry that cannot be of the held history, or Infinity
 * @param isOther the log may be another one: each held entry is compared, where otherwise the end of the tail tells
 */
export async function reconcile(
  buffer: LogBuffer,
  source: LogSource,
  anchor: Anchor,
  heard: number,
  isOther = false,
): Promise<Parting | undefined> {
  const { epoch, head, headId, known } = anchor;
  if (epoch !== buffer.epoch) {
    const oldest = await source.oldest(epoch);
    const after = oldest === undefined ? head : oldest.offset - 1;
    return {
      reset: { why: isAfterErasure(epoch) ? 'deleted' : 'epoch', after },
      restart: { epoch, offset: after, id: oldest === undefined ? headId : '' },
    };
  }
  const other = isOther ? await oldestOther(buffer, source, Math.min(head, buffer.head)) : undefined;
  if (other !== undefined) {
    const after = other.offset - 1;
    const reset = { why: 'fork', after } as const;
    // without an entry before it that both have, what is held before it may be of the other history as well
    return other.isAfterCommon ? { reset } : { reset, restart: { epoch, offset: after, id: '' } };
  }
  const there = head === buffer.head ? headId : known;
  // what the log no longer knows counts as the same, unless the log may be another one
  const isSame = there === buffer.headId || (there === undefined && !isOther);
  if (head >= buffer.head && (isSame || buffer.headId === '')) return undefined;
  const common = await newestCommon(buffer, source, Math.min(head, buffer.head));
  if (common !== undefined) return { reset: { why: 'fork', after: common } };
  const oldest = await source.oldest(epoch);
  // what the log has where this process held, or has heard of, others was never delivered; what is before that was
  const parted = Math.min(buffer.first, heard, head < buffer.head ? Infinity : buffer.head);
  const after = Math.min(head, Math.max(parted, oldest?.offset ?? head + 1) - 1);
  return { reset: { why: 'fork', after }, restart: { epoch, offset: after, id: after === head ? headId : '' } };
}

/** The newest held entry that the log has as well. */
async function newestCommon(buffer: LogBuffer, source: LogSource, from: number): Promise<number | undefined> {
  for (let at = from; at >= buffer.first;) {
    const page = await source.idsBefore(at, buffer.first, buffer.epoch);
    for (const { offset, id } of page) if (buffer.at(offset)?.id === id) return offset;
    const oldest = page.at(-1);
    if (oldest === undefined) return undefined;
    at = oldest.offset - 1;
  }
  return undefined;
}

/** The oldest held entry where the log has another one, and whether an older one is the same in both. */
async function oldestOther(
  buffer: LogBuffer,
  source: LogSource,
  from: number,
): Promise<{ readonly offset: number; readonly isAfterCommon: boolean } | undefined> {
  let other: number | undefined;
  let isAfterCommon = false;
  for (let at = from; at >= buffer.first;) {
    const page = await source.idsBefore(at, buffer.first, buffer.epoch);
    for (const { offset, id } of page) {
      isAfterCommon = (buffer.at(offset)?.id ?? id) === id;
      if (!isAfterCommon) other = offset;
    }
    const oldest = page.at(-1);
    if (oldest === undefined) break;
    at = oldest.offset - 1;
  }
  return other === undefined ? undefined : { offset: other, isAfterCommon };
}
