import type { EntryDraft } from '../../../api/entry.ts';
import { MalformedEntryError } from '../../errors.ts';
import { SharedBody } from '../shared-body.ts';
import { UNKNOWN, type Arrival, type Header } from './arrival.ts';
import { faultOf } from './entry-faults.ts';

/**
 * The draft of an entry that came from the log. `loggedAt` is on this process's clock. One that this library cannot have written keeps its
 * place and is not delivered; a warning of the process says so.
 */
export function draftOf(threadId: string, arrival: Arrival, loggedAt: number): EntryDraft {
  const { offset, at, id } = arrival;
  const fault = faultOf(arrival);
  if (fault !== undefined) process.emitWarning(new MalformedEntryError({ threadId, offset, reason: fault }));
  const { header, body } = fault === undefined ? arrival : { header: UNKNOWN, body: [] };
  return {
    threadId,
    id,
    lane: header.isCritical ? 'critical' : 'normal',
    body: new SharedBody(body ?? []),
    kind: header.kind,
    target: header.target,
    isEdited: header.isEdited,
    except: header.except,
    isShared: header.isShared,
    key: header.key,
    at,
    expiresAt: expiryOf(header, loggedAt),
    traceparent: header.traceparent,
  };
}

function expiryOf({ kind, ms }: Header, loggedAt: number): number {
  if (kind === undefined || kind === 'notice') return -Infinity;
  return ms === undefined ? Infinity : loggedAt + ms;
}
