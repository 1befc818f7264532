import type { Body } from '../../api/body.ts';
import type { EntryDraft, MessageTrace } from '../../api/entry.ts';
import type { WindowBits } from '../../api/socket.ts';
import { RecordedTrace } from '../telemetry/message-trace.ts';

/**
 * What most entries do not have. A node holds a hundred thousand entries, and its garbage collector copies each of them twice while it is
 * young: a field less is a shorter pause.
 */
export interface RareFields {
  readonly deflated: ReadonlyMap<WindowBits, Body> | undefined;
  readonly target: string | undefined;
  targetOffset: number | undefined;
  readonly isEdited: boolean;
  readonly isShared: boolean;
  except: string | undefined;
  readonly key: string | undefined;
  trace: MessageTrace | undefined;
  readonly traceparent: string | undefined;
}

/** Those of a draft; undefined if it has none. */
export function rareFields(draft: EntryDraft): RareFields | undefined {
  const { deflated, target, except, key, traceparent } = draft;
  const isEdited = draft.isEdited === true;
  const isShared = draft.isShared === true;
  const trace = draft.trace ?? RecordedTrace.from(traceparent);
  const isNone =
    !isEdited &&
    !isShared &&
    deflated === undefined &&
    target === undefined &&
    except === undefined &&
    key === undefined &&
    trace === undefined &&
    traceparent === undefined;
  if (isNone) return undefined;
  return { deflated, target, targetOffset: undefined, isEdited, isShared, except, key, trace, traceparent };
}

export const noRareFields = (): RareFields => ({
  deflated: undefined,
  target: undefined,
  targetOffset: undefined,
  isEdited: false,
  isShared: false,
  except: undefined,
  key: undefined,
  trace: undefined,
  traceparent: undefined,
});
