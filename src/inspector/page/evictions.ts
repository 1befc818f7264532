import type { Note } from '../protocol.ts';
import { byId, h } from './dom.ts';
import { time } from './format.ts';

/** Evictions that stay on the page. */
const KEPT = 100;

/** The log of ended connections, the newest first: by the hub or by the client, as the code says. */
export class Evictions {
  readonly #list = byId('notes');
  #newest = 0;

  /** The number of the newest one. */
  get newest(): number {
    return this.#newest;
  }

  add(notes: readonly Note[]): void {
    for (const { n, at, userId, connectionId, code, reason } of notes) {
      this.#newest = n;
      this.#list.prepend(
        h(
          'li',
          { title: connectionId },
          h('time', {}, time(at)),
          h('b', {}, userId ?? connectionId.slice(0, 8)),
          h('span', {}, h('code', { class: code === 4408 ? 'bad' : '' }, String(code)), ` ${reason}`),
        ),
      );
    }
    while (this.#list.children.length > KEPT) this.#list.lastElementChild?.remove();
    this.#showEmpty();
  }

  forget(): void {
    this.#newest = 0;
    this.#list.replaceChildren();
    this.#showEmpty();
  }

  #showEmpty(): void {
    const isEmpty = this.#list.children.length === 0;
    byId('no-notes').hidden = !isEmpty;
    byId('log').hidden = isEmpty;
  }
}
