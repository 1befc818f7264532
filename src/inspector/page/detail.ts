import type { Action, Detail, MemberSight, Row } from '../protocol.ts';
import { byId, h, write } from './dom.ts';
import { bytes, count, duration, groupOf, roundTrip, time } from './format.ts';

/** How long a click on `Evict` waits for the second one. */
const CONFIRM_MS = 3_000;

export interface DetailEvents {
  closed(): void;
  /** A member of the thread was clicked. */
  picked(connectionId: string): void;
  act(action: Action, connectionId: string): void;
}

/** One connection, thread or connection of a pool, and what it did. */
export class DetailPanel {
  readonly #events: DetailEvents;
  readonly #root = byId('detail');
  readonly #title = h('h2', { id: 'detail-title' });
  readonly #state = h('p', { class: 'chip' });
  readonly #id = h('p', { class: 'muted id' });
  readonly #facts = h('dl', { class: 'facts' });
  readonly #actions = h('div', { class: 'actions' });
  readonly #threads = h('p', { class: 'muted threads' });
  readonly #members = h('ul', { class: 'members', 'aria-label': 'Members in this process' });
  readonly #steps = h('ol');
  readonly #history = h(
    'div',
    { class: 'history', role: 'log', 'aria-label': 'Transitions, the newest first', tabindex: 0 },
    this.#steps,
  );
  readonly #empty = h('p', { class: 'muted' }, 'No transition since this page was opened.');
  #shown: Row | undefined;

  constructor(events: DetailEvents) {
    this.#events = events;
    const close = h('button', { type: 'button', class: 'close', 'aria-label': 'Close details' }, '×');
    close.addEventListener('click', () => this.#events.closed());
    for (const [action, label] of [
      ['evict', 'Evict'],
      ['trip', 'Trip'],
      ['reset', 'Reset'],
    ] as const) {
      this.#actions.append(this.#button(action, label));
    }
    this.#root.append(
      h('div', { class: 'panel-head' }, this.#title, this.#state, close),
      this.#id,
      this.#facts,
      this.#threads,
      this.#members,
      this.#actions,
      h('h3', {}, 'History'),
      this.#history,
      this.#empty,
    );
  }

  hide(): void {
    this.#root.hidden = true;
    this.#shown = undefined;
  }

  /** It is not there any more: what is known of it stays. */
  gone(): void {
    write(this.#state, 'gone');
    this.#state.className = 'chip evicted';
    this.#actions.hidden = true;
  }

  show({ row, history, connection, members }: Detail, hasActions: boolean): void {
    const isOther = this.#shown?.id !== row.id;
    this.#root.hidden = false;
    this.#shown = row;
    const name = row.kind === 'connections' ? (row.userId ?? 'connection') : row.id;
    write(this.#title, name);
    const nameOf = (state: string): string => (state === 'evicted' && connection?.hasLeft === true ? 'left' : state);
    write(this.#state, nameOf(row.state));
    this.#state.className = `chip ${groupOf(nameOf(row.state))}`;
    write(this.#id, row.kind === 'connections' ? row.id : row.kind === 'pools' ? row.url : 'thread');
    this.#actions.hidden = !hasActions || row.kind !== 'connections' || row.state === 'evicted';
    this.#writeFacts(factsOf(row, connection));
    this.#threads.hidden = connection === undefined || connection.threadCount === 0;
    if (connection !== undefined) {
      const more = connection.threadCount - connection.threads.length;
      write(this.#threads, `In ${connection.threads.join(', ')}${more > 0 ? ` and ${more} more` : ''}`);
    }
    this.#showMembers(row, members ?? []);
    this.#empty.hidden = history.length > 0;
    this.#history.hidden = history.length === 0;
    const items = history.toReversed().map(({ at, from, to, event }) => {
      const way = h('span', { title: `${from} → ${to}` }, '→ ', h('b', { class: groupOf(nameOf(to)) }, nameOf(to)));
      return h('li', {}, h('time', {}, time(at)), way, h('span', { class: 'muted' }, event));
    });
    if (items.map(({ textContent }) => textContent).join('\n') !== this.#historyText())
      this.#steps.replaceChildren(...items);
    // on a narrow screen it is below the list
    if (isOther) this.#root.scrollIntoView({ block: 'nearest' });
  }

  #showMembers(row: Row, members: readonly MemberSight[]): void {
    this.#members.hidden = members.length === 0;
    const ids = members.map(({ id }) => id).join();
    if (this.#members.dataset['ids'] === ids) return;
    this.#members.dataset['ids'] = ids;
    const items = members.map(({ id, userId }) => {
      const button = h('button', { type: 'button', title: id }, userId ?? id.slice(0, 8));
      button.addEventListener('click', () => this.#events.picked(id));
      return h('li', {}, button);
    });
    const more = row.kind === 'threads' ? row.members - members.length : 0;
    this.#members.replaceChildren(
      ...items,
      ...(more > 0 ? [h('li', { class: 'muted' }, `and ${count(more)} more`)] : []),
    );
  }

  #historyText(): string {
    return [...this.#steps.children].map(({ textContent }) => textContent).join('\n');
  }

  #writeFacts(facts: readonly (readonly [string, string])[]): void {
    if (this.#facts.children.length !== facts.length) {
      this.#facts.replaceChildren(...facts.map(([name]) => h('div', {}, h('dt', {}, name), h('dd'))));
    }
    for (const [i, [name, value]] of facts.entries()) {
      const [term, text] = this.#facts.children[i]?.children ?? [];
      if (term !== undefined) write(term, name);
      if (text !== undefined) write(text, value);
    }
  }

  #button(action: Action, label: string): HTMLElement {
    const button = h('button', { type: 'button', 'data-action': action }, label);
    let timer: ReturnType<typeof setTimeout> | undefined;
    const calm = (): void => {
      clearTimeout(timer);
      timer = undefined;
      write(button, label);
    };
    button.addEventListener('click', () => {
      // what cannot be taken back is asked twice
      if (action === 'evict' && timer === undefined) {
        write(button, 'Really evict?');
        timer = setTimeout(calm, CONFIRM_MS);
        return;
      }
      calm();
      if (this.#shown !== undefined) this.#events.act(action, this.#shown.id);
    });
    return button;
  }
}

function factsOf(row: Row, connection: Detail['connection']): readonly (readonly [string, string])[] {
  if (row.kind === 'connections') return connectionFacts(row, connection);
  return row.kind === 'threads' ? threadFacts(row) : poolFacts(row);
}

function connectionFacts(
  row: Extract<Row, { kind: 'connections' }>,
  connection: Detail['connection'],
): readonly (readonly [string, string])[] {
  return [
    ['Age', duration(row.ageMs)],
    ['Round trip', roundTrip(row)],
    ['Messages', count(connection?.messages ?? 0)],
    ['Bytes', bytes(connection?.bytes ?? 0)],
    ['Lag', count(row.lag)],
    ['Unsent', bytes(row.unsentBytes)],
    ['Failures', count(connection?.failures ?? 0)],
    ['Trips', count(row.trips)],
  ];
}

function threadFacts(row: Extract<Row, { kind: 'threads' }>): readonly (readonly [string, string])[] {
  return [
    ['Members', count(row.members)],
    ['Behind', count(row.behind)],
    ['Lag', count(row.lag)],
    ['Messages', count(row.messages)],
    ['Values', count(row.values)],
  ];
}

function poolFacts(row: Extract<Row, { kind: 'pools' }>): readonly (readonly [string, string])[] {
  return [
    ['Place', count(row.place)],
    ['Threads', count(row.threads)],
    ['Failures', count(row.failures)],
  ];
}
