import type { HistoryMessage, HistoryPage } from '../api/history.ts';
import type { HubContext } from '../actors/support/context.ts';

/** The JSON of a page, made in slices of the scheduler: a message at a time. */
export function pageJson(page: HistoryPage, { scheduler, now }: HubContext): Promise<readonly Uint8Array[]> {
  const { messages, hasOlder, gap } = page;
  const chunks: Uint8Array[] = [Buffer.from('{"messages":[')];
  let next = 0;
  return new Promise((resolve, reject) => {
    scheduler.add({
      run: (deadline) => {
        try {
          for (; next < messages.length; next++) {
            const message = messages[next];
            if (message !== undefined) chunks.push(...messageJson(message, next === 0));
            if (now() >= deadline && next < messages.length - 1) {
              next++;
              return false;
            }
          }
          chunks.push(
            Buffer.from(`],"hasOlder":${hasOlder}${gap === undefined ? '' : `,"gap":${JSON.stringify(gap)}`}}`),
          );
          resolve(chunks);
        } catch (error) {
          reject(error instanceof Error ? error : new Error('a message cannot be written', { cause: error }));
        }
        return true;
      },
    });
  });
}

/** A big message is JSON already. */
function messageJson(message: HistoryMessage, isFirst: boolean): Uint8Array[] {
  const { id, position, cursor, lane, at } = message;
  const head = `${isFirst ? '' : ','}${JSON.stringify({ id, position, cursor, lane, at }).slice(0, -1)},"data":`;
  if (message.bytes !== undefined) return [Buffer.from(head), message.bytes, Buffer.from('}')];
  return [Buffer.from(`${head}${JSON.stringify(message.data)}}`)];
}
