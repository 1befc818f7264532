import { countUpTo } from '../../infra/sorted-search.ts';
import type { ChunkFold } from './chunk-fold.ts';

/** The folds of a stream in order. Positions may be missing between them: those of chunks that are not kept. */
export class FoldList {
  #folds: ChunkFold[] = [];
  /** The position before each of the folds. */
  #starts: number[] = [];
  /** Folds before this index are folded as far as they go. */
  #settled = 0;
  /** Some has been pushed. */
  #hasTransient = false;

  get size(): number {
    return this.#folds.length;
  }

  get all(): readonly ChunkFold[] {
    return this.#folds;
  }

  /** Folds that are not folded across windows yet. */
  get unsettled(): number {
    return this.#folds.length - this.#settled;
  }

  push(fold: ChunkFold): void {
    this.#folds.push(fold);
    this.#starts.push(fold.at);
    this.#hasTransient ||= fold.isTransient;
  }

  /** The first fold that ends after this position. */
  after(at: number): ChunkFold | undefined {
    return this.#folds[this.indexAfter(at)];
  }

  indexAfter(at: number): number {
    const index = countUpTo(this.#starts, at) - 1;
    const fold = this.#folds[index];
    return fold !== undefined && fold.to > at ? index : index + 1;
  }

  /** Removes transient ones between the first position and the end. */
  dropTransient(from: number): void {
    if (!this.#hasTransient) return;
    let index = countUpTo(this.#starts, from - 1);
    for (; index < this.#folds.length; index++) {
      if (this.#folds[index]?.isTransient !== true) continue;
      this.#folds.splice(index, 1);
      this.#starts.splice(index, 1);
      index--;
    }
  }

  /** Folds all but the newest ones together. */
  settle(kept: number, fold: (folds: readonly ChunkFold[]) => readonly ChunkFold[]): void {
    const end = this.#folds.length - kept;
    // the last settled one may go on
    const from = Math.max(0, this.#settled - 1);
    const settled = fold(this.#folds.slice(from, end));
    const newest = this.#folds.slice(end);
    this.#folds.length = this.#starts.length = from;
    for (const each of settled) this.push(each);
    for (const each of newest) this.push(each);
    this.#settled = from + settled.length;
  }

  clear(): void {
    this.#folds = [];
    this.#starts = [];
    this.#settled = 0;
    this.#hasTransient = false;
  }
}
