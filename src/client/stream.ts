import { fieldsOf, textOf } from './fields.ts';
import type { ClientStream, Message } from './api.ts';

/** A text that grows: every reader has its own position in it. */
export class TextStream implements ClientStream {
  readonly id: string;
  readonly cancel: () => void;
  /** Sends the cancel again after a reconnect: the server may not have received it. */
  isCancelled = false;
  /** The server has announced it. */
  isBegun = false;
  /** The application has received it. */
  isShown = false;
  readonly done: Promise<Message | undefined>;
  text = '';
  /** Readers that wait for more. */
  readonly #waiting: (() => void)[] = [];
  #finish!: (message: Message | undefined) => void;
  /** The chunks of `text`, as they came. */
  readonly #pieces: string[] = [];
  #isOver = false;

  /** @param cancel notifies the server, if there is one */
  constructor(id: string, cancel: () => void) {
    this.id = id;
    this.cancel = () => {
      this.isCancelled = true;
      cancel();
    };
    this.done = new Promise((resolve) => {
      this.#finish = resolve;
    });
  }

  /** Text from the position `at`. Already known text is left out, and so is text that does not follow. */
  add(at: number, text: string): void {
    const piece = at > this.text.length ? '' : text.slice(this.text.length - at);
    if (!piece) return;
    this.text += piece;
    this.#pieces.push(piece);
    this.#stir();
  }

  /** The final message, or undefined if it will not come. */
  end(message?: Message): void {
    // a reader that was behind gets the rest of the text here
    this.add(0, textOf(fieldsOf(message?.data)['text']) ?? '');
    this.#isOver = true;
    this.#finish(message);
    this.#stir();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<string, void, undefined> {
    for (let taken = 0; ;) {
      const news = this.#pieces.slice(taken);
      taken += news.length;
      if (news[0]) yield news.join('');
      else if (this.#isOver) return;
      else await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
  }

  #stir(): void {
    for (const wake of this.#waiting.splice(0)) wake();
  }
}
