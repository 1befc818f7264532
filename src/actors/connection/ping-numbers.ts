/**
 * The numbers of ping barriers, of all connections of a hub: those that are pinged in turn get the same number, and so the same bytes, which a
 * sender may hand to all of them at once.
 */
export class PingNumbers {
  #newest = 0;

  /** A number greater than the last one that the connection got. */
  after(last: number): number {
    if (this.#newest <= last) this.#newest = last + 1;
    return this.#newest;
  }
}
