import { parseObject } from '../infra/wire/json-object.ts';
import type { LinkTable } from './link-table.ts';
import { Problem } from './problem.ts';

/** Frames in one request of a client. */
const MAX_FRAMES = 1_024;

const LINE_FEED = 0x0a;

/** `{"sid", "l": [[thread, offset], …]}`, or `{"sid", "th", "o"}`. @throws Problem */
export function acknowledge(body: unknown, links: LinkTable, userId: string | undefined): void {
  const { sid, l, th, o }: { sid?: unknown; l?: unknown; th?: unknown; o?: unknown } = Object(body);
  const open = links.ofUser(sid, userId);
  if (open === undefined) throw unknownConnection();
  const frame = l === undefined ? { t: 'ack', th, o } : { t: 'acks', l };
  open.link.receive(Buffer.from(JSON.stringify(frame)));
}

/**
 * Hands over the frames that a client has sent, one on each line. The first line has the connection's key and the number of the request: a
 * request that comes twice, because its answer was lost, is taken once.
 * @throws Problem
 */
export async function receiveFrames(body: Buffer, links: LinkTable): Promise<void> {
  const end = body.indexOf(LINE_FEED);
  const head = parseObject(body.subarray(0, end < 0 ? body.length : end).toString());
  const open = links.byKey(head?.['key']);
  const n = head?.['n'];
  if (open === undefined) throw unknownConnection();
  if (typeof n !== 'number') throw new Problem(400, 'bad-request', 'the first line is {"key","n"}');
  await open.link.reads();
  if (!open.isNext(n)) return;
  for (const frame of linesOf(body, end)) open.link.receive(frame);
}

function linesOf(body: Buffer, end: number): readonly Buffer[] {
  const lines: Buffer[] = [];
  for (let at = end; at >= 0 && at < body.length - 1;) {
    const next = body.indexOf(LINE_FEED, at + 1);
    const line = body.subarray(at + 1, next < 0 ? body.length : next);
    if (line.length > 0) lines.push(line);
    if (lines.length > MAX_FRAMES) throw new Problem(413, 'too-complex', `more than ${MAX_FRAMES} frames`);
    at = next;
  }
  return lines;
}

/** Its stream has ended, or is another process's. */
export const unknownConnection = (): Problem =>
  new Problem(404, 'unknown-connection', 'no event stream of this client is open here');
