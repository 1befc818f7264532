import type { Entry } from '../../api/entry.ts';

/** Slots that are looked through for an id. Most threads hold few entries, and an index of each would take as much as an entry does. */
export const LOOKED_THROUGH = 16;

type Slots = readonly (Entry | undefined)[];

/** The newest entry with this id: it may have come again after its time. */
export function newestWith(id: string, entries: Slots): Entry | undefined {
  for (let at = entries.length - 1; at >= 0; at--) if (entries[at]?.id === id) return entries[at];
  return undefined;
}

export function indexOf(entries: Slots): Map<string, Entry> {
  const byId = new Map<string, Entry>();
  for (const entry of entries) if (entry !== undefined) byId.set(entry.id, entry);
  return byId;
}
