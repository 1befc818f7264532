import type { Frame } from '../../api/entry.ts';
import { assertThreadId } from '../../infra/log/ids.ts';
import { checkCount } from '../../infra/option-checks.ts';
import { base64Of, bytesIn, isBytes, sizeOf } from '../../infra/wire/bytes-body.ts';
import { encodeWhole, FRAGMENT_BYTES } from '../../infra/wire/frames.ts';
import { cursorOf, seamCursor } from '../thread/history-cursor.ts';
import { HistoryPages, MOST_IN_PAGE, type RawPage } from '../thread/history-pages.ts';
import type { ClientSession } from './client-session.ts';
import type { ConnectionServices } from './connection-services.ts';
import type { HistoryRequest } from './wire-protocol.ts';

/** Messages of a page, unless the client names a number. */
const DEFAULT_LIMIT = 50;

/**
 * Bytes of messages in one page. A client that wants more asks again, so that a page delays other frames as little as a part of a big
 * message does, and a client that does not read costs one page.
 */
const PAGE_BYTES = 64 * 1_024;

/** A longer message is in a page without its data: it would hold up other frames longer than a fragment does. */
const LONGEST_BYTES = FRAGMENT_BYTES;

/** A page of a thread's history as the frame of the answer, and what it costs. */
interface EncodedPage {
  readonly frame: Frame;
  readonly messages: number;
  readonly bytes: number;
}

/**
 * Answers a client that asks for older messages of a thread that it is in; false if it is not.
 * @throws InvalidThreadIdError, InvalidOptionError, and what `HistoryPages.read` throws
 */
export async function answerHistory(
  request: HistoryRequest,
  session: ClientSession,
  services: ConnectionServices,
): Promise<boolean> {
  const { th: threadId, before, until } = request;
  assertThreadId(threadId);
  if (!session.isIn(threadId)) return false;
  const limit = checkCount('limit', request.limit, DEFAULT_LIMIT, { min: 1, max: MOST_IN_PAGE.messages });
  const pages = new HistoryPages(threadId, services);
  const page = await pages.read({ before, until, limit, maxBytes: PAGE_BYTES });
  const { frame, messages, bytes } = encoded(request, page);
  if (session.isOver) return true;
  // the application may have taken the client out of the thread meanwhile
  if (!session.isIn(threadId)) return false;
  session.line.sendPage(frame);
  session.line.input?.payForReread(messages, bytes);
  return true;
}

/** Of more messages than fit into a page, the newest. Releases the bodies of the entries. */
function encoded({ th, ref }: HistoryRequest, { epoch, entries, loaded, hasOlder }: RawPage): EncodedPage {
  try {
    const messages: Buffer[] = [];
    let bytes = 0;
    const hasRoom = (): boolean => messages.length === 0 || bytes < PAGE_BYTES;
    const add = (message: Buffer): void => {
      messages.push(message);
      bytes += message.length;
    };
    for (const { id, offset, at, body } of entries.toReversed()) {
      if (!hasRoom()) break;
      const facts = { id, o: offset, ts: at, cur: cursorOf({ epoch, offset, id }, at) };
      if (body.bytes > LONGEST_BYTES) add(Buffer.from(JSON.stringify({ ...facts, bytes: sizeOf(body) })));
      else if (isBytes(body)) add(bytesMessage(facts, bytesIn(body)));
      else add(Buffer.concat([opened(facts), ...body.chunks, END]));
    }
    for (const { id, at, cursor, data } of loaded.toReversed()) {
      if (!hasRoom()) break;
      const facts = { id, ts: at, cur: seamCursor(th, { id, at, cursor }) };
      if (data instanceof Uint8Array) {
        const isLong = data.length > LONGEST_BYTES;
        add(isLong ? Buffer.from(JSON.stringify({ ...facts, bytes: data.length })) : bytesMessage(facts, data));
        continue;
      }
      const json = Buffer.from(JSON.stringify(data));
      if (json.length > LONGEST_BYTES) add(Buffer.from(JSON.stringify({ ...facts, bytes: json.length })));
      else add(Buffer.concat([opened(facts), json, END]));
    }
    const older = hasOlder || messages.length < entries.length + loaded.length;
    const list = messages.toReversed().flatMap((message, i) => (i === 0 ? [message] : [COMMA, message]));
    const head = `${JSON.stringify({ t: 'page', th, ref, older }).slice(0, -1)},"l":[`;
    const frame = encodeWhole(Buffer.concat([Buffer.from(head), ...list, LIST_END]));
    return {
      frame: { pieces: [[frame]], bytes: frame.length, body: undefined },
      messages: messages.length,
      bytes,
    };
  } finally {
    for (const { body } of entries) body.release();
  }
}

const COMMA = Buffer.from(',');
const END = Buffer.from('}');
const LIST_END = Buffer.from(']}');

/** A message of bytes, as base64. */
const bytesMessage = (facts: object, data: Uint8Array): Buffer =>
  Buffer.from(JSON.stringify({ ...facts, enc: 'base64', d: base64Of(data) }));

/** The JSON of a message up to its data. */
const opened = (facts: object): Buffer => Buffer.from(`${JSON.stringify(facts).slice(0, -1)},"d":`);
