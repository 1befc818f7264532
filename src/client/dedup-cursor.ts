import { dropExcess, MANY } from './excess.ts';
import type { Message } from './message.ts';
import type { Position } from './position.ts';

/**
 * What a client has received of a thread, so that each message is taken exactly once: everything up to the position, and the ids of
 * messages that came ahead of it.
 */
export class DedupCursor {
  /** Undefined until the server has stated the thread's position. */
  position: Position | undefined;
  /** Offsets by id of the messages that came ahead and that the position has not passed yet. */
  readonly #ahead = new Map<string, number>();

  /** A server that starts there would skip messages after our position. */
  isBefore({ epoch, offset }: Position): boolean {
    const { position } = this;
    return !!position && (epoch !== position.epoch || offset > position.offset);
  }

  /** After a gap, or at the very start. If the position goes back or to another epoch, messages that came ahead no longer count. */
  moveTo(position: Position): void {
    const before = this.position;
    if (before?.epoch !== position.epoch || position.offset < before.offset) this.#ahead.clear();
    this.position = position;
    this.#forgetPassed(position.offset);
  }

  /** True for a message that has not been taken before, or is in no log; moves the position unless the message is ahead of it. */
  take({ id, offset, ahead }: Pick<Message, 'id' | 'offset' | 'ahead'>): boolean {
    const { position } = this;
    if (!offset) return true;
    if (!position || offset <= position.offset) return false;
    const isNew = !this.#ahead.has(id);
    if (ahead) {
      this.#ahead.set(id, offset);
      dropExcess(this.#ahead, MANY);
    } else {
      this.position = { epoch: position.epoch, offset, id };
      this.#forgetPassed(offset);
    }
    return isNew;
  }

  #forgetPassed(upTo: number): void {
    // they came in the order of their offsets: the loop ends with the first that stays
    for (const [id, offset] of this.#ahead) {
      if (offset > upTo) return;
      this.#ahead.delete(id);
    }
  }
}
