import type { HistoryMessage, HistoryPage } from '../api/history.ts';
import { base64Of, BASE64_FIELDS } from '../infra/wire/bytes-body.ts';
import type { HubContext } from '../actors/support/context.ts';

/** The JSON of a page, made in slices of the scheduler. */
export function pageJson(page: HistoryPage, { scheduler, now }: HubContext): Promise<readonly Uint8Array[]> {
  const chunks: Uint8Array[] = [];
  const left = chunksOf(page);
  return new Promise((resolve, reject) => {
    scheduler.add({
      run: (deadline) => {
        try {
          for (;;) {
            const next = left.next();
            if (next.done === true) break;
            chunks.push(next.value);
            if (now() >= deadline) return false;
          }
          resolve(chunks);
        } catch (error) {
          reject(error instanceof Error ? error : new Error('a message cannot be written', { cause: error }));
        }
        return true;
      },
    });
  });
}

function* chunksOf({ messages, hasOlder, gap }: HistoryPage): Generator<Uint8Array, void> {
  yield Buffer.from('{"messages":[');
  for (const [i, message] of messages.entries()) yield* messageJson(message, i === 0);
  yield Buffer.from(`],"hasOlder":${hasOlder}${gap === undefined ? '' : `,"gap":${JSON.stringify(gap)}`}}`);
}

/** Bytes of a message whose base64 is made in one go: a multiple of three, so that the texts can be joined. */
const BASE64_BYTES = 768 * 1024;

/** A big message is JSON already. */
function* messageJson(message: HistoryMessage, isFirst: boolean): Generator<Uint8Array, void> {
  const { id, position, cursor, lane, at, bytes, data } = message;
  const facts = `${isFirst ? '' : ','}${JSON.stringify({ id, position, cursor, lane, at }).slice(0, -1)},`;
  if (bytes !== undefined) {
    yield Buffer.from(`${facts}"data":`);
    yield bytes;
    yield Buffer.from('}');
  } else if (data instanceof Uint8Array) {
    yield Buffer.from(`${facts}${BASE64_FIELDS}"data":"`);
    for (let from = 0; from < data.length; from += BASE64_BYTES)
      yield Buffer.from(base64Of(data.subarray(from, from + BASE64_BYTES)));
    yield Buffer.from('"}');
  } else yield Buffer.from(`${facts}"data":${JSON.stringify(data)}}`);
}
