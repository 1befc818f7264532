import type { ListKind, ListQuery, ListSight, Row, Selection, Sort } from '../protocol.ts';
import { COLUMNS, type Column } from './columns.ts';
import { byId, byIdAs, h, write } from './dom.ts';
import { count, groupOf } from './format.ts';

/** As the style sheet has it. */
const ROW_HEIGHT = 32;

/** Rows beyond those in view, so that a small scroll shows no blanks. */
const OVERSCAN = 12;

/** Rows that one answer may have. */
const MAX_ROWS = 100;

/** Browsers draw nothing below some 30 million pixels: further rows are found by searching. */
const MAX_SHOWN = 500_000;

const TITLES: Readonly<Record<ListKind, string>> = {
  connections: 'Connections',
  threads: 'Threads',
  pools: 'Connections of pools',
};
const KINDS: readonly ListKind[] = ['connections', 'threads', 'pools'];

export interface ListEvents {
  /** Other rows are wanted. */
  changed(): void;
  selected(selection: Selection): void;
}

/** The list of connections, threads or connections of pools: only the rows in view exist, here and in what the server sends. */
export class List {
  readonly #events: ListEvents;
  readonly #grid = byId('grid');
  readonly #head = byId('columns');
  readonly #body = byId('rows');
  readonly #search = byIdAs('search', HTMLInputElement);
  readonly #state = byIdAs('state', HTMLSelectElement);
  readonly #statesOf: (kind: ListKind) => readonly string[];
  readonly #pool: HTMLElement[] = [];
  #kind: ListKind = 'connections';
  #sort: Sort = 'state';
  #isDescending = true;
  #rows = new Map<number, Row>();
  #matching = 0;
  #cursor = 0;
  #selectedId: string | undefined;

  constructor(statesOf: (kind: ListKind) => readonly string[], events: ListEvents) {
    this.#statesOf = statesOf;
    this.#events = events;
    this.#search.addEventListener('input', () => this.#restart());
    this.#state.addEventListener('change', () => this.#restart());
    for (const button of byId('kinds').querySelectorAll('button')) {
      button.addEventListener('click', () => this.show(KINDS.find((kind) => kind === button.dataset['kind'])));
    }
    this.#grid.addEventListener('scroll', () => this.#scrolled(), { passive: true });
    this.#grid.addEventListener('keydown', (event) => this.#key(event));
    this.#search.addEventListener('keydown', (event) => this.#leaveSearch(event));
    new ResizeObserver(() => this.#scrolled()).observe(this.#grid);
    this.show('connections');
  }

  get query(): ListQuery {
    const { from, count: rows } = this.#range;
    return {
      kind: this.#kind,
      search: this.#search.value.trim(),
      state: this.#state.value,
      sort: this.#sort,
      isDescending: this.#isDescending,
      from,
      count: rows,
    };
  }

  focusSearch(): void {
    this.#search.focus();
    this.#search.select();
  }

  /** @param state only those in it; empty for all */
  show(kind: ListKind = 'connections', state = ''): void {
    if (kind !== this.#kind) this.#rows.clear();
    this.#kind = kind;
    this.#sort = 'state';
    this.#isDescending = true;
    for (const button of byId('kinds').querySelectorAll('button')) {
      button.setAttribute('aria-pressed', String(button.dataset['kind'] === kind));
    }
    write(byId('list-title'), TITLES[kind]);
    this.#state.replaceChildren(
      h('option', { value: '' }, 'all states'),
      ...this.#statesOf(kind).map((path) => h('option', { value: path }, path)),
    );
    this.#state.value = state;
    this.#restart();
  }

  select(selection: Selection | undefined): void {
    this.#selectedId = selection?.id;
    this.#render();
  }

  /** The inspector was given pools, or not. */
  offerPools(hasPools: boolean): void {
    byId('pools').hidden = !hasPools;
  }

  /** What the server says of the rows in view. */
  take({ kind, from, rows, matching, total }: ListSight): void {
    if (kind !== this.#kind) return;
    this.#matching = matching;
    this.#rows = new Map(rows.map((row, i) => [from + i, row]));
    this.#cursor = Math.min(this.#cursor, Math.max(0, matching - 1));
    const all = matching === total ? count(total) : `${count(matching)} of ${count(total)}`;
    write(byId('matching'), all);
    this.#grid.setAttribute('aria-rowcount', String(matching + 1));
    this.#render();
  }

  get #columns(): readonly Column[] {
    return COLUMNS[this.#kind];
  }

  /** The rows that should be there. */
  get #range(): { from: number; count: number } {
    const first = Math.floor(this.#grid.scrollTop / ROW_HEIGHT);
    const visible = Math.ceil(this.#grid.clientHeight / ROW_HEIGHT);
    const from = Math.max(0, first - OVERSCAN);
    return { from, count: Math.min(MAX_ROWS, first - from + visible + OVERSCAN) };
  }

  /** Until the answer comes the rows stay as they are: a list that is empty for a moment would flicker. */
  #restart(): void {
    this.#cursor = 0;
    this.#grid.scrollTop = 0;
    this.#renderHead();
    this.#render();
    this.#events.changed();
  }

  #scrolled(): void {
    this.#render();
    const { from, count: rows } = this.#range;
    const last = Math.min(from + rows, this.#matching) - 1;
    if (last >= from && (!this.#rows.has(from) || !this.#rows.has(last))) this.#events.changed();
  }

  #renderHead(): void {
    const cells = this.#columns.map(({ name, sort, isNumber }) => {
      const order = sort === this.#sort ? (this.#isDescending ? 'descending' : 'ascending') : undefined;
      const attributes = { role: 'columnheader', class: isNumber ? 'number' : '', 'aria-sort': order };
      if (sort === undefined) return h('div', attributes, name);
      const button = h('button', { type: 'button' }, name);
      button.addEventListener('click', () => this.#sortBy(sort));
      return h('div', attributes, button);
    });
    this.#head.replaceChildren(
      h('div', { role: 'row', class: `row head ${this.#kind}`, 'aria-rowindex': 1 }, ...cells),
    );
  }

  #sortBy(sort: Sort): void {
    this.#isDescending = sort === this.#sort ? !this.#isDescending : true;
    this.#sort = sort;
    this.#restart();
  }

  #render(): void {
    const shown = Math.min(this.#matching, MAX_SHOWN);
    this.#body.style.height = `${shown * ROW_HEIGHT}px`;
    const { from, count: rows } = this.#range;
    const end = Math.min(from + rows, shown);
    const needed = Math.max(0, end - from);
    while (this.#pool.length < needed) this.#pool.push(this.#makeRow());
    for (const [i, element] of this.#pool.entries()) {
      if (i >= needed) element.remove();
      else this.#fill(element, from + i);
    }
    const active = needed > 0 && this.#cursor >= from && this.#cursor < end ? `row-${this.#cursor}` : undefined;
    if (active === undefined) this.#grid.removeAttribute('aria-activedescendant');
    else this.#grid.setAttribute('aria-activedescendant', active);
  }

  #makeRow(): HTMLElement {
    const element = h('div', { role: 'row' });
    element.addEventListener('click', () => {
      this.#cursor = Number(element.dataset['index']);
      this.#choose();
      this.#render();
    });
    return element;
  }

  #fill(element: HTMLElement, index: number): void {
    const row = this.#rows.get(index);
    element.id = `row-${index}`;
    element.dataset['index'] = String(index);
    element.dataset['id'] = row?.id ?? '';
    element.className = `row ${this.#kind} ${row === undefined ? 'blank' : groupOf(row.state)}`;
    element.classList.toggle('cursor', index === this.#cursor);
    element.setAttribute('aria-rowindex', String(index + 2));
    element.setAttribute('aria-selected', String(row !== undefined && row.id === this.#selectedId));
    element.style.transform = `translateY(${index * ROW_HEIGHT}px)`;
    const columns = this.#columns;
    if (element.children.length !== columns.length) {
      const cells = columns.map(({ isNumber }) => h('div', { role: 'gridcell', class: isNumber ? 'number' : '' }));
      element.replaceChildren(...cells);
    }
    for (const [i, { text, isNumber }] of columns.entries()) {
      const cell = element.children[i];
      if (cell === undefined) continue;
      cell.className = isNumber ? 'number' : '';
      write(cell, row === undefined ? '\u00a0' : text(row));
    }
    if (!element.isConnected) this.#body.append(element);
  }

  /** From the search field the keys go on in what it has found. */
  #leaveSearch(event: KeyboardEvent): void {
    if (event.isComposing || !['ArrowDown', 'PageDown', 'Enter'].includes(event.key)) return;
    this.#grid.focus();
    event.preventDefault();
  }

  #key(event: KeyboardEvent): void {
    // keys on a column's head are the head's
    if (event.target !== this.#grid) return;
    const page = Math.max(1, Math.floor(this.#grid.clientHeight / ROW_HEIGHT) - 2);
    const steps: Readonly<Record<string, number>> = {
      ArrowDown: 1,
      ArrowUp: -1,
      PageDown: page,
      PageUp: -page,
      Home: -Infinity,
      End: Infinity,
    };
    const step = steps[event.key];
    if (step !== undefined) this.#move(step);
    else if (event.key === 'Enter' || event.key === ' ') this.#choose();
    else return;
    event.preventDefault();
  }

  #move(step: number): void {
    const last = Math.min(this.#matching, MAX_SHOWN) - 1;
    this.#cursor = Math.max(0, Math.min(last, this.#cursor + step));
    const top = this.#cursor * ROW_HEIGHT;
    const room = this.#grid.clientHeight - 2 * ROW_HEIGHT;
    if (top < this.#grid.scrollTop) this.#grid.scrollTop = top;
    else if (top > this.#grid.scrollTop + room) this.#grid.scrollTop = top - room;
    this.#scrolled();
  }

  #choose(): void {
    const row = this.#rows.get(this.#cursor);
    if (row !== undefined) this.#events.selected({ kind: row.kind, id: row.id });
  }
}
