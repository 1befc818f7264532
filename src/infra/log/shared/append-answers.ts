import { asError } from '../../errors.ts';
import { makeEntry } from '../entry.ts';
import type { Entry } from '../../../api/entry.ts';
import type { Arrival, Header } from './arrival.ts';
import type { TailSettings } from './tail-host.ts';
import type { PendingAppend } from './pending-appends.ts';
import type { SharedTail } from './tail.ts';
import type { Position } from '../../../api/log.ts';

const NEVER = (_offset: number): Promise<boolean> => Promise.resolve(false);

/** Passes the log's answers on to the appends of one thread, and to its tail while this process has a reader of the thread. */
export class AppendAnswers {
  readonly #settings: TailSettings;
  readonly #tail: () => SharedTail | undefined;

  /** @param tail undefined while this process has no reader of the thread */
  constructor(settings: TailSettings, tail: () => SharedTail | undefined) {
    this.#settings = settings;
    this.#tail = tail;
  }

  appended(own: PendingAppend, { epoch, offset, at }: { epoch: string; offset: number; at: number }): void {
    const tail = this.#tail();
    if (tail === undefined) {
      own.settle({ entry: this.#entryAt(own, offset, at), isDuplicate: false, epoch });
      return;
    }
    const header: Header = {
      by: this.#settings.nodeId,
      isCritical: false,
      except: undefined,
      isShared: false,
      key: undefined,
      ms: undefined,
      traceparent: undefined,
      kind: 'message',
      target: undefined,
      isEdited: false,
    };
    const arrival: Arrival = { epoch, offset, at, id: own.draft.id, header, body: undefined };
    tail.place(arrival, own);
  }

  /**
   * The id is already in the log, at this offset.
   * @param wasOwn whether an earlier attempt of this append has logged it; asked only where no tail says so
   */
  known(own: PendingAppend, { epoch, offset }: Pick<Position, 'epoch' | 'offset'>, wasOwn = NEVER): void {
    const tail = this.#tail();
    const answer = (isDuplicate: boolean): void =>
      own.settle({ entry: tail?.buffer.at(offset) ?? this.#entryAt(own, offset), isDuplicate, epoch });
    // sent twice, and done the first time: its notice, or the log, delivers it
    if (own.attempts > 1 && tail !== undefined && offset > tail.buffer.head)
      tail
        .catchUp()
        .then(() => answer(false))
        .catch((error: unknown) => own.fail(asError(error)));
    else if (own.attempts > 1 && tail === undefined)
      wasOwn(offset)
        .then((isOwn) => answer(!isOwn))
        .catch(() => answer(true));
    else answer(true);
  }

  #entryAt({ draft }: PendingAppend, offset: number, at?: number): Entry {
    return makeEntry(draft, offset, this.#settings.clock.now(), at);
  }
}
