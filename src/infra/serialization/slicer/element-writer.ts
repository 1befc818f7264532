import { numberText, quote } from './json-text.ts';
import { isLeftOut, isResolvable, toJSONOf, type Resolvable } from './values.ts';
import type { WalkContext } from './walk-context.ts';

/**
 * Writes the elements of one array. Small ones are collected into a run that native `JSON.stringify` gets in one call: a
 * call per element would cost a quarter more. A run is estimated and written within one slice, so that changes made to
 * the value between slices can change the content, but never the validity of the JSON.
 */
export class ElementWriter {
  #run: unknown[] = [];
  #cost = 0;
  #isFirst = true;

  /** Adds the element with this index; true when the frame has to return from its step. */
  add(walk: WalkContext, element: unknown, index: number): boolean {
    if (typeof element === 'number') {
      this.#run.push(element);
      this.#cost += 8;
    } else if (typeof element === 'string') {
      return this.#addString(walk, element);
    } else if (isResolvable(element)) {
      return this.#addResolvable(walk, element, index);
    } else {
      this.#run.push(element);
      this.#cost += 5;
    }
    return this.#isFull(walk);
  }

  /** Writes the collected run. To be called before the frame leaves its step, other than after `add` returned true. */
  flush(walk: WalkContext): void {
    const run = this.#run;
    walk.work += this.#cost;
    this.#cost = 0;
    if (run.length === 0) return;
    this.#run = [];
    this.#separate(walk);
    // A toJSON on Array.prototype would be called on the run, which is no array of the user's.
    if (toJSONOf(run) !== undefined) this.#writeSingly(walk, run);
    else walk.output.inner(JSON.stringify(run));
  }

  #addString(walk: WalkContext, element: string): boolean {
    if (element.length > walk.limits.stringUnits) {
      this.flush(walk);
      this.#separate(walk);
      return walk.string(element);
    }
    this.#run.push(element);
    this.#cost += element.length + 3;
    return this.#isFull(walk);
  }

  #addResolvable(walk: WalkContext, element: Resolvable, index: number): boolean {
    // Asked before `resolve`, because nearly all elements are small, and what has a toJSON is refused anyway.
    if (typeof element === 'object') {
      const cost = walk.nativeCost(element);
      if (cost >= 0) return this.#addToRun(walk, element, cost);
    }
    const value = walk.resolve(element, index, this);
    if (typeof value === 'string') return this.#addString(walk, value);
    if (typeof value === 'bigint') throw walk.bigIntError();
    // Not the function itself: native would look for its toJSON, a second time.
    if (typeof value !== 'object' || value === null) return this.#addToRun(walk, isLeftOut(value) ? null : value, 8);
    if (value !== element) {
      const cost = walk.resultCost(value);
      if (cost >= 0) return this.#addToRun(walk, value, cost);
    }
    this.flush(walk);
    this.#separate(walk);
    walk.open(value, element);
    return true;
  }

  #addToRun(walk: WalkContext, value: unknown, cost: number): boolean {
    this.#run.push(value);
    this.#cost += cost + 3;
    return this.#isFull(walk);
  }

  #isFull(walk: WalkContext): boolean {
    if (this.#cost + walk.work <= walk.limits.runUnits) return false;
    this.flush(walk);
    return true;
  }

  #separate(walk: WalkContext): void {
    if (this.#isFirst) this.#isFirst = false;
    else walk.output.text(',');
  }

  #writeSingly(walk: WalkContext, run: readonly unknown[]): void {
    let separator = '';
    for (const value of run) {
      walk.output.text(separator);
      separator = ',';
      if (typeof value === 'string') walk.output.text(quote(value));
      else if (typeof value === 'number') walk.output.text(numberText(value));
      else walk.output.text(JSON.stringify(value) ?? 'null');
    }
  }
}
