import type { IncomingMessage } from 'node:http';
import type { Act, Action, ListKind, ListQuery, Look, Selection, Sort } from './protocol.ts';
import { InspectorRefusal } from './refusal.ts';

/** Maximum bytes of a body: a look has some hundred. */
const MAX_BODY_BYTES = 8_192;

/** Maximum length of a thread id, in UTF-16 units; a connection's is shorter. */
const MAX_ID = 256;

/** Rows in one answer. */
const MAX_ROWS = 100;

const KINDS: readonly ListKind[] = ['connections', 'threads', 'pools'];
const SORTS: readonly Sort[] = [
  'age',
  'state',
  'lag',
  'unsent',
  'trips',
  'roundTrip',
  'members',
  'messages',
  'failures',
];
const ACTIONS: readonly Action[] = ['evict', 'trip', 'reset'];

/**
 * The request's body, parsed. A form of another site cannot send this content type without a preflight request, which the server never
 * grants.
 * @throws InspectorRefusal 405, 413, 415, 400
 */
export async function bodyOf(request: IncomingMessage): Promise<unknown> {
  if (request.method !== 'POST') throw new InspectorRefusal(405, 'METHOD');
  if (!/^application\/json\b/i.test(request.headers['content-type'] ?? '')) throw new InspectorRefusal(415, 'TYPE');
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request) {
    if (!Buffer.isBuffer(chunk)) continue;
    bytes += chunk.length;
    if (bytes > MAX_BODY_BYTES) throw new InspectorRefusal(413, 'TOO_BIG');
    chunks.push(chunk);
  }
  try {
    return JSON.parse(Buffer.concat(chunks).toString());
  } catch {
    throw malformed('the body');
  }
}

/** @throws InspectorRefusal 400 */
export function parseLook(body: unknown): Look {
  const look = record(body, 'the body');
  const viewer = text(look['viewer'], 'viewer', 64);
  if (!/^[\w-]{16,}$/.test(viewer)) throw malformed('viewer');
  return {
    viewer,
    samplesAfter: number(look['samplesAfter'], 'samplesAfter'),
    notesAfter: number(look['notesAfter'], 'notesAfter'),
    list: parseQuery(record(look['list'], 'list')),
    selected: look['selected'] == null ? undefined : parseSelection(record(look['selected'], 'selected')),
  };
}

/** @throws InspectorRefusal 400 */
export function parseAct(body: unknown): Act {
  const act = record(body, 'the body');
  return {
    action: choice(act['action'], 'action', ACTIONS),
    connectionId: text(act['connectionId'], 'connectionId', 128),
  };
}

function parseQuery(list: Readonly<Record<string, unknown>>): ListQuery {
  return {
    kind: choice(list['kind'], 'list.kind', KINDS),
    search: text(list['search'], 'list.search', MAX_ID),
    state: text(list['state'], 'list.state', 64),
    sort: choice(list['sort'], 'list.sort', SORTS),
    isDescending: list['isDescending'] === true,
    from: number(list['from'], 'list.from'),
    count: Math.min(MAX_ROWS, number(list['count'], 'list.count')),
  };
}

function parseSelection(selected: Readonly<Record<string, unknown>>): Selection {
  return { kind: choice(selected['kind'], 'selected.kind', KINDS), id: text(selected['id'], 'selected.id', MAX_ID) };
}

function record(value: unknown, name: string): Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null) throw malformed(name);
  return Object.fromEntries(Object.entries(value));
}

function text(value: unknown, name: string, maxLength: number): string {
  if (typeof value !== 'string' || value.length > maxLength) throw malformed(name);
  return value;
}

function number(value: unknown, name: string): number {
  if (typeof value !== 'number' || !Number.isInteger(value) || value < 0) throw malformed(name);
  return value;
}

function choice<T extends string>(value: unknown, name: string, choices: readonly T[]): T {
  const chosen = choices.find((candidate) => candidate === value);
  if (chosen === undefined) throw malformed(name);
  return chosen;
}

function malformed(name: string): InspectorRefusal {
  return new InspectorRefusal(400, 'MALFORMED', `${name} is malformed`);
}
