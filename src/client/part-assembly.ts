import type { WirePart } from './frames.ts';

/** Cost of a part besides its text, in units, so that many empty parts are not free. */
export const PART_COST = 64;

/** Assembles a big message from its parts, one message at a time. */
export class PartAssembly {
  /** UTF-16 units. */
  readonly #maxLength: number;
  #newest: WirePart | undefined;
  #texts: string[] = [];
  #length = 0;
  /** Id of a message that is too long to be held. */
  #skippedId: string | undefined;

  constructor(maxLength: number) {
    this.#maxLength = maxLength;
  }

  /** How much has been received of it, for a join; undefined if nothing has. */
  get have(): object | undefined {
    const newest = this.#newest;
    if (!newest) return undefined;
    const { message, of } = newest;
    return { o: message.offset, id: message.id, n: this.#texts.length, of };
  }

  /** The whole JSON; undefined until all parts have arrived. */
  get text(): string | undefined {
    return this.#texts.length === this.#newest?.of ? this.#texts.join('') : undefined;
  }

  /** `disorder`: not the expected part. `tooLong`: reported once, after which the message's parts are `skipped`. */
  add(part: WirePart): 'taken' | 'disordered' | 'too-large' | 'skipped' {
    const { message, n, of, text } = part;
    const { id } = message;
    if (id === this.#skippedId) return 'skipped';
    if (n === 0) this.drop();
    const { message: begun = message, of: parts = of } = this.#newest ?? {};
    if (n !== this.#texts.length || begun.id !== id || parts !== of) {
      this.drop();
      return 'disordered';
    }
    this.#length += text.length + PART_COST;
    if (this.#length > this.#maxLength) {
      this.drop();
      this.#skippedId = id;
      return 'too-large';
    }
    this.#texts.push(text);
    this.#newest = part;
    return 'taken';
  }

  drop(): void {
    this.#newest = undefined;
    this.#texts = [];
    this.#length = 0;
    this.#skippedId = undefined;
  }
}
