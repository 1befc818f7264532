import type { HistoryMessage } from '../../api/thread.ts';
import type { Entry } from '../../api/entry.ts';
import { formatPosition } from '../../infra/log/ids.ts';
import type { HubContext } from '../support/context.ts';
import type { Task } from '../support/slice-scheduler.ts';

/**
 * The messages of entries, parsed in slices of the scheduler: parsing takes milliseconds for each megabyte. One message is parsed in one
 * go.
 * @throws SyntaxError if preencoded bytes are not JSON
 */
export function readMessages(
  entries: readonly Entry[],
  epoch: string,
  { scheduler, now }: Pick<HubContext, 'scheduler' | 'now'>,
): Promise<readonly HistoryMessage[]> {
  return new Promise((resolve, reject) => {
    scheduler.add(new HistoryReader(entries, epoch, now, { resolve, reject }));
  });
}

interface Completion {
  readonly resolve: (messages: readonly HistoryMessage[]) => void;
  readonly reject: (error: unknown) => void;
}

class HistoryReader implements Task {
  readonly #left: Entry[];
  readonly #epoch: string;
  readonly #now: () => number;
  readonly #completion: Completion;
  readonly #messages: HistoryMessage[] = [];

  constructor(entries: readonly Entry[], epoch: string, now: () => number, completion: Completion) {
    this.#left = entries.toReversed();
    this.#epoch = epoch;
    this.#now = now;
    this.#completion = completion;
    // the log may trim them meanwhile
    for (const { body } of entries) body.retain();
  }

  run(deadline: number): boolean {
    try {
      for (let entry = this.#left.at(-1); entry !== undefined; entry = this.#left.at(-1)) {
        this.#messages.push(messageOf(entry, this.#epoch));
        entry.body.release();
        this.#left.pop();
        if (this.#now() >= deadline && this.#left.length > 0) return false;
      }
      this.#completion.resolve(this.#messages);
    } catch (error) {
      for (const { body } of this.#left) body.release();
      this.#completion.reject(error);
    }
    return true;
  }
}

function messageOf({ id, offset, lane, body }: Entry, epoch: string): HistoryMessage {
  const data: unknown = JSON.parse(Buffer.concat(body.chunks).toString());
  return { id, position: formatPosition({ epoch, offset, id }), lane, data };
}
