import type { WirePart } from './frames.ts';

/** What a part costs besides its text, in units: so that many empty ones are not free. */
const PART_COST = 64;

/** Puts a big message together from its parts, one message at a time. */
export class PartAssembly {
  /** UTF-16 units. */
  readonly #maxLength: number;
  #newest: WirePart | undefined;
  #texts: string[] = [];
  #length = 0;
  /** Messages that began anew since one was whole. */
  disorders = 0;
  /** Id of one that is too long to be held. */
  #skippedId: string | undefined;

  constructor(maxLength: number) {
    this.#maxLength = maxLength;
  }

  /** What is here of it, for a join; undefined where nothing is. */
  get have(): object | undefined {
    const { offset, id, of } = this.#newest ?? {};
    return this.#newest && { o: offset, id, n: this.#texts.length, of };
  }

  /** The whole JSON; undefined until all parts are here. */
  get text(): string | undefined {
    return this.#texts.length === this.#newest?.of ? this.#texts.join('') : undefined;
  }

  /** `disorder`: not the part that it waits for. `tooLong`: told once, after which the message's parts are `skipped`. */
  add(part: WirePart): 'taken' | 'disorder' | 'tooLong' | 'skipped' {
    const { id, n, of, text } = part;
    if (id === this.#skippedId) return 'skipped';
    if (n === 0) this.drop();
    const isNext = n === this.#texts.length && (n === 0 || (this.#newest?.id === id && this.#newest.of === of));
    if (!isNext) {
      this.drop();
      return 'disorder';
    }
    this.#length += text.length + PART_COST;
    if (this.#length > this.#maxLength) {
      this.drop();
      this.#skippedId = id;
      return 'tooLong';
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
