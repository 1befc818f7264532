import type { ChartLayout } from '../chart.ts';
import type { Detail, ListKind, MachineSight, Selection, Sight } from '../protocol.ts';
import { byId, h, write } from './dom.ts';
import { Statechart } from './statechart.ts';

/** An edge in the chart of one actor is of its last steps, whenever they were. */
interface Counted {
  readonly count: number;
  readonly agoMs: number;
}

export interface ChartEvents {
  /** A state was clicked, to see who is in it. */
  picked(kind: ListKind, state: string): void;
}

const POOLS = 'pool-connection';
const KIND_OF: Readonly<Record<string, ListKind>> = { connection: 'connections', thread: 'threads', [POOLS]: 'pools' };
const MACHINE_OF: Readonly<Record<ListKind, string>> = { connections: 'connection', threads: 'thread', pools: POOLS };
const ONE = 'one';

/** The statecharts: one for each machine with the numbers of all actors, and one of the actor that is selected. */
export class Charts {
  readonly #layouts: readonly ChartLayout[];
  readonly #charts = new Map<string, Statechart>();
  readonly #tabs = byId('tabs');
  readonly #canvas = byId('canvas');
  readonly #hint = byId('chart-hint');
  #shown = 'connection';
  /** The inspector was given pools. */
  #hasPools = false;
  #selected: Selection | undefined;
  #name = '';

  constructor(layouts: readonly ChartLayout[], events: ChartEvents) {
    this.#layouts = layouts;
    for (const layout of layouts) {
      const chart = new Statechart(layout);
      const kind = KIND_OF[layout.machine];
      if (kind !== undefined) {
        chart.root.classList.add('pickable');
        chart.root.addEventListener('click', ({ target }) => {
          const path = target instanceof Element ? target.closest<SVGElement>('.state')?.dataset['state'] : undefined;
          if (path !== undefined && path !== '*') events.picked(kind, path);
        });
      }
      this.#charts.set(layout.machine, chart);
    }
    this.#tabs.addEventListener('keydown', (event) => this.#key(event));
    this.#renderTabs();
    this.#open(this.#shown);
  }

  /** The states that a row of the list may be in. */
  statesOf(kind: ListKind): readonly string[] {
    const layout = this.#layouts.find(({ machine }) => machine === MACHINE_OF[kind]);
    return layout?.states.filter(({ path, isFinal }) => path !== '*' && !isFinal).map(({ path }) => path) ?? [];
  }

  select(selection: Selection | undefined): void {
    if (selection?.id === this.#selected?.id) return;
    this.#selected = selection;
    this.#charts.delete(ONE);
    const layout = this.#layouts.find(({ machine }) => selection && machine === MACHINE_OF[selection.kind]);
    if (layout !== undefined) this.#charts.set(ONE, new Statechart(layout));
    this.#name = selection?.id.slice(0, 12) ?? '';
    this.#renderTabs();
    this.#open(layout === undefined ? (this.#shown === ONE ? 'connection' : this.#shown) : ONE);
  }

  take({ machines, selected, at }: Sight): void {
    const hasPools = machines.some(({ machine }) => machine === POOLS);
    if (hasPools !== this.#hasPools) {
      this.#hasPools = hasPools;
      this.#renderTabs();
      this.#open(this.#shown);
    }
    for (const machine of machines) this.#charts.get(machine.machine)?.show(numbersOf(machine));
    if (selected === undefined) return;
    this.#charts.get(ONE)?.show(numbersOfOne(selected, at));
    const name = selected.row.kind === 'connections' ? (selected.row.userId ?? this.#name) : selected.row.id;
    const tab = this.#tabs.querySelector(`[data-tab="${ONE}"]`);
    if (tab !== null) write(tab, name);
  }

  #renderTabs(): void {
    const names = [...this.#charts.keys()].filter((name) => name !== POOLS || this.#hasPools);
    this.#tabs.replaceChildren(
      ...names.map((name) => {
        const tab = h('button', {
          type: 'button',
          role: 'tab',
          id: `tab-${name}`,
          'aria-controls': 'canvas',
          'data-tab': name,
        });
        tab.textContent = name === ONE ? this.#name : name;
        tab.addEventListener('click', () => this.#open(name));
        return tab;
      }),
    );
  }

  #open(name: string): void {
    const chart = this.#charts.get(name);
    if (chart === undefined) return;
    this.#shown = name;
    for (const tab of this.#tabs.children) {
      const isShown = tab.id === `tab-${name}`;
      tab.setAttribute('aria-selected', String(isShown));
      tab.setAttribute('tabindex', isShown ? '0' : '-1');
    }
    write(this.#hint, name === ONE ? 'Its own last steps.' : 'Counts on edges are of the last minute.');
    this.#canvas.replaceChildren(chart.root);
  }

  #key(event: KeyboardEvent): void {
    const tabs = [...this.#tabs.children].filter((tab) => tab instanceof HTMLElement);
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    const at = tabs.findIndex((tab) => tab === document.activeElement);
    if (step === undefined || at < 0) return;
    const next = tabs[(at + step + tabs.length) % tabs.length];
    this.#open(next?.dataset['tab'] ?? '');
    next?.focus();
    event.preventDefault();
  }
}

function numbersOf({ states, edges }: MachineSight) {
  const sums = new Map<string, number>();
  for (const [path, number] of Object.entries(states)) {
    // a state has those of the states in it
    const parts = path.split('.');
    for (let depth = 1; depth <= parts.length; depth++) {
      const outer = parts.slice(0, depth).join('.');
      sums.set(outer, (sums.get(outer) ?? 0) + number);
    }
  }
  return { states: sums, edges: new Map(edges.map((edge) => [edge.id, edge])), active: undefined };
}

function numbersOfOne({ row, history }: Detail, now: number) {
  const edges = new Map<string, Counted>();
  for (const { edge, at } of history) {
    if (edge !== undefined) edges.set(edge, { count: (edges.get(edge)?.count ?? 0) + 1, agoMs: now - at });
  }
  return { states: new Map<string, number>(), edges, active: row.state };
}
