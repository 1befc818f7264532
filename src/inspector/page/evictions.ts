import type { Note } from '../protocol.ts';
import { byId, h } from './dom.ts';
import { time } from './format.ts';

/** Evictions that stay on the page. */
const KEPT = 100;

const codeOf = (code: number): HTMLElement => h('code', { class: code === 4408 ? 'bad' : '' }, String(code));

/** How a connection has ended: by its client, with its line, as too slow, or by the application or the hub for another reason. */
function endOf(code: number, isGoodbye: boolean): string {
  if (isGoodbye) return 'left';
  return code === 1006 ? 'lost' : code === 4408 ? 'evicted' : 'closed';
}

/** The log of ended connections, the newest first. */
export class Evictions {
  readonly #list = byId('notes');
  #newest = 0;

  /** The number of the newest one. */
  get newest(): number {
    return this.#newest;
  }

  add(notes: readonly Note[]): void {
    for (const { n, at, userId, connectionId, code, reason, isGoodbye } of notes) {
      this.#newest = n;
      this.#list.prepend(
        h(
          'li',
          { title: connectionId },
          h('time', {}, time(at)),
          h('b', {}, userId ?? connectionId.slice(0, 8)),
          h('span', { class: isGoodbye ? 'muted' : '' }, `${endOf(code, isGoodbye)} `, codeOf(code), ` ${reason}`),
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
