import type { Entry } from '../../api/entry.ts';
import type { HistoryMessage, HistoryPage, LoadedMessage } from '../../api/history.ts';
import { formatPosition } from '../../infra/log/ids.ts';
import { bytesIn, isBytes, withoutMark } from '../../infra/wire/bytes-body.ts';
import { parseInWorker } from '../../infra/serialization/workers/parse-worker.ts';
import type { HubContext } from '../support/context.ts';
import type { Task } from '../support/slice-scheduler.ts';
import { cursorOf, seamCursor } from './history-cursor.ts';
import type { RawPage } from './history-pages.ts';

/** A longer message is not parsed in the event loop: a megabyte takes milliseconds. */
export const MAX_PARSED_BYTES = 1024 * 1024;

/** The message of the application's database, as readers get it. */
export function loadedMessage(threadId: string, { id, at, data, cursor }: LoadedMessage): HistoryMessage {
  return { id, position: undefined, cursor: seamCursor(threadId, { id, at, cursor }), lane: 'normal', at, data };
}

/**
 * The messages of a page, parsed in slices of the scheduler. One message is parsed in one go, and a big one is copied piece by piece.
 * Releases the bodies of the entries.
 * @throws SyntaxError if preencoded bytes are not JSON
 */
export function parsePage(
  threadId: string,
  page: RawPage,
  { scheduler, now }: Pick<HubContext, 'scheduler' | 'now'>,
): Promise<HistoryPage> {
  return new Promise((resolve, reject) => {
    scheduler.add(new PageParser(threadId, page, now, { resolve, reject }));
  });
}

interface Completion {
  readonly resolve: (page: HistoryPage) => void;
  readonly reject: (error: unknown) => void;
}

class PageParser implements Task {
  readonly #page: RawPage;
  readonly #left: Entry[];
  readonly #now: () => number;
  readonly #completion: Completion;
  readonly #messages: HistoryMessage[];
  #copy: BigCopy | undefined;

  constructor(threadId: string, page: RawPage, now: () => number, completion: Completion) {
    this.#page = page;
    this.#left = page.entries.toReversed();
    this.#now = now;
    this.#completion = completion;
    this.#messages = page.loaded.map((message) => loadedMessage(threadId, message));
  }

  run(deadline: number): boolean {
    try {
      for (let entry = this.#left.at(-1); entry !== undefined; entry = this.#left.at(-1)) {
        const message = this.#read(entry);
        if (message !== undefined) {
          this.#messages.push(message);
          entry.body.release();
          this.#left.pop();
        }
        if (this.#now() >= deadline && this.#left.length > 0) return false;
      }
      const { hasOlder, gap } = this.#page;
      this.#completion.resolve({ messages: this.#messages, hasOlder, ...(gap && { gap }) });
    } catch (error) {
      for (const { body } of this.#left) body.release();
      this.#completion.reject(error);
    }
    return true;
  }

  /** Undefined if a big message needs another slice. */
  #read({ id, offset, at, lane, body }: Entry): HistoryMessage | undefined {
    const position = { epoch: this.#page.epoch, offset, id };
    const facts = { id, position: formatPosition(position), cursor: cursorOf(position, at), lane, at };
    if (body.bytes <= MAX_PARSED_BYTES) {
      const data: unknown = isBytes(body) ? bytesIn(body) : JSON.parse(Buffer.concat(body.chunks).toString());
      return { ...facts, data };
    }
    const isJson = !isBytes(body);
    const copy = (this.#copy ??= new BigCopy(isJson ? body.bytes : body.bytes - 1));
    if (!copy.add(isJson ? body.chunks : withoutMark(body.chunks))) return undefined;
    this.#copy = undefined;
    const { bytes } = copy;
    if (!isJson) return { ...facts, data: bytes };
    return { ...facts, bytes, json: () => parseInWorker(bytes) };
  }
}

/** The bytes of a big message, copied chunk by chunk. */
class BigCopy {
  readonly bytes: Uint8Array;
  #at = 0;
  #next = 0;

  constructor(size: number) {
    this.bytes = new Uint8Array(size);
  }

  /** Copies one more chunk; true when it was the last. */
  add(chunks: readonly Uint8Array[]): boolean {
    const chunk = chunks[this.#next++];
    if (chunk !== undefined) {
      this.bytes.set(chunk, this.#at);
      this.#at += chunk.length;
    }
    return this.#next >= chunks.length;
  }
}
