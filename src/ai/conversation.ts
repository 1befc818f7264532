import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Hub } from '../api/hub.ts';
import { isMessage } from './chat-frames.ts';
import type { ChatMessage } from './chunk.ts';

/** Messages of a conversation that a turn gets: one page of the history, which ends at 4 MiB as well. */
const MOST_MESSAGES = 1_000;

/** UTF-16 units of JSON between two turns of the event loop. */
const UNITS_PER_TURN = 256 * 1024;

/** A message of a conversation, as the log has it. */
export interface LoggedMessage {
  /** The ids of its entries: an answer that was gone on with has several. */
  readonly entries: readonly string[];
  readonly message: ChatMessage;
  /** About. */
  readonly bytes: number;
}

/** The newest messages of a chat, from its thread: each id once, in its newest version, at the place of the first. */
export async function readConversation(hub: Hub, threadId: string): Promise<LoggedMessage[]> {
  const { messages } = await hub.thread(threadId).history({ limit: MOST_MESSAGES });
  const byId = new Map<string, LoggedMessage>();
  let units = 0;
  for (const entry of messages) {
    const data: unknown = entry.bytes === undefined ? entry.data : await entry.json();
    if (!isMessage(data)) continue;
    const bytes = entry.bytes?.length ?? JSON.stringify(data).length;
    units += bytes;
    const entries = [...(byId.get(data.id)?.entries ?? []), entry.id];
    byId.set(data.id, { entries, message: withoutMark(data), bytes });
    if (units < UNITS_PER_TURN) continue;
    units = 0;
    await nextTurn();
  }
  return [...byId.values()];
}

/** `aborted` says how its stream has ended: it is no field of a UIMessage. */
function withoutMark(message: ChatMessage & { aborted?: unknown }): ChatMessage {
  const { aborted: _, ...rest } = message;
  return rest;
}
