import { numberText, quote } from './json-text.ts';
import { isLeftOut, isResolvable, toJSONOf, type Resolvable } from './values.ts';
import type { Walker } from './walker.ts';

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
  add(walker: Walker, element: unknown, index: number): boolean {
    if (typeof element === 'number') {
      this.#run.push(element);
      this.#cost += 8;
    } else if (typeof element === 'string') {
      return this.#addString(walker, element);
    } else if (isResolvable(element)) {
      return this.#addResolvable(walker, element, index);
    } else {
      this.#run.push(element);
      this.#cost += 5;
    }
    return this.#isFull(walker);
  }

  /** Writes the collected run. To be called before the frame leaves its step, other than after `add` returned true. */
  flush(walker: Walker): void {
    const run = this.#run;
    walker.work += this.#cost;
    this.#cost = 0;
    if (run.length === 0) return;
    this.#run = [];
    this.#separate(walker);
    // A toJSON on Array.prototype would be called on the run, which is no array of the user's.
    if (toJSONOf(run) !== undefined) this.#writeSingly(walker, run);
    else walker.output.inner(JSON.stringify(run));
  }

  #addString(walker: Walker, element: string): boolean {
    if (element.length > walker.limits.stringUnits) {
      this.flush(walker);
      this.#separate(walker);
      return walker.string(element);
    }
    this.#run.push(element);
    this.#cost += element.length + 3;
    return this.#isFull(walker);
  }

  #addResolvable(walker: Walker, element: Resolvable, index: number): boolean {
    // Asked before `resolve`, because nearly all elements are small, and what has a toJSON is refused anyway.
    if (typeof element === 'object') {
      const cost = walker.nativeCost(element);
      if (cost >= 0) return this.#addToRun(walker, element, cost);
    }
    const value = walker.resolve(element, index, this);
    if (typeof value === 'string') return this.#addString(walker, value);
    if (typeof value === 'bigint') throw walker.bigIntError();
    // Not the function itself: native would look for its toJSON, a second time.
    if (typeof value !== 'object' || value === null) return this.#addToRun(walker, isLeftOut(value) ? null : value, 8);
    if (value !== element) {
      const cost = walker.resultCost(value);
      if (cost >= 0) return this.#addToRun(walker, value, cost);
    }
    this.flush(walker);
    this.#separate(walker);
    walker.open(value, element);
    return true;
  }

  #addToRun(walker: Walker, value: unknown, cost: number): boolean {
    this.#run.push(value);
    this.#cost += cost + 3;
    return this.#isFull(walker);
  }

  #isFull(walker: Walker): boolean {
    if (this.#cost + walker.work <= walker.limits.runUnits) return false;
    this.flush(walker);
    return true;
  }

  #separate(walker: Walker): void {
    if (this.#isFirst) this.#isFirst = false;
    else walker.output.text(',');
  }

  #writeSingly(walker: Walker, run: readonly unknown[]): void {
    let separator = '';
    for (const value of run) {
      walker.output.text(separator);
      separator = ',';
      if (typeof value === 'string') walker.output.text(quote(value));
      else if (typeof value === 'number') walker.output.text(numberText(value));
      else walker.output.text(JSON.stringify(value) ?? 'null');
    }
  }
}
