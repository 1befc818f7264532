import type { ChartEdge, ChartLayout, ChartState, Point } from '../chart.ts';
import { s, write } from './dom.ts';
import { count, groupOf } from './format.ts';

/** Corners of edges. */
const RADIUS = 7;

/** An edge that was taken within this time is hot. */
const HOT_MS = 1_000;

/** What a chart shows now. */
export interface ChartNumbers {
  /** By a state's path; of a state with states in it, the sum of those. */
  readonly states: ReadonlyMap<string, number>;
  /** By an edge's id. */
  readonly edges: ReadonlyMap<string, { readonly count: number; readonly agoMs: number }>;
  /** Path of the one state that is active, where the chart is of one actor. */
  readonly active: string | undefined;
}

interface DrawnState {
  readonly path: string;
  readonly node: SVGGElement;
  readonly count: SVGTextElement;
}

interface DrawnEdge {
  readonly node: SVGGElement;
  readonly lines: readonly { readonly ids: readonly string[]; readonly text: SVGTextElement; readonly name: string }[];
}

/** One machine's statechart, drawn once and then only written on. */
export class Statechart {
  readonly root: SVGSVGElement;
  readonly #states: readonly DrawnState[];
  readonly #edges: readonly DrawnEdge[];

  constructor(layout: ChartLayout) {
    const { width, height, machine } = layout;
    const outer = layout.states.filter(({ isOuter }) => isOuter).map(drawState);
    const inner = layout.states.filter(({ isOuter }) => !isOuter).map(drawState);
    this.#edges = layout.edges.map(drawEdge);
    this.#states = [...outer, ...inner];
    this.root = s(
      'svg',
      { viewBox: `0 0 ${width} ${height}`, class: 'statechart', 'data-machine': machine, role: 'group' },
      ...outer.map(({ node }) => node),
      ...this.#edges.map(({ node }) => node),
      ...inner.map(({ node }) => node),
    );
    this.root.setAttribute('aria-label', `Statechart of ${machine}`);
    // no larger than it was drawn for, as wide as there is room
    this.root.style.maxWidth = `${Math.round(width * 1.12)}px`;
  }

  show({ states, edges, active }: ChartNumbers): void {
    this.root.classList.toggle('single', active !== undefined);
    for (const { path, node, count: text } of this.#states) {
      const number = states.get(path) ?? 0;
      const isActive = active !== undefined && (active === path || active.startsWith(`${path}.`));
      write(text, path === '*' || active !== undefined ? '' : count(number));
      node.dataset['count'] = String(number);
      node.classList.toggle('some', active === undefined ? number > 0 : isActive);
      node.classList.toggle('active', isActive);
    }
    for (const { node, lines } of this.#edges) {
      const taken = lines.map(({ ids }) => ids.flatMap((id) => edges.get(id) ?? []));
      for (const [i, { text, name }] of lines.entries()) {
        const times = (taken[i] ?? []).reduce((sum, edge) => sum + edge.count, 0);
        write(text, times === 0 ? name : `${name} ${count(times)}`);
        text.classList.toggle('lately', times > 0);
      }
      const all = taken.flat();
      node.dataset['count'] = String(all.reduce((sum, edge) => sum + edge.count, 0));
      node.classList.toggle('lately', all.length > 0);
      node.classList.toggle('hot', Math.min(...all.map(({ agoMs }) => agoMs)) < HOT_MS);
    }
  }
}

function drawState(state: ChartState): DrawnState {
  const { path, name, x, y, width, height, isOuter, isFinal, isInitial, description } = state;
  const isEvery = path === '*';
  const middle = x + width / 2;
  const number = isOuter
    ? s('text', { x: x + width - 14, y: y + 23, class: 'count', 'text-anchor': 'end' })
    : s('text', { x: middle, y: y + 38, class: 'count', 'text-anchor': 'middle' });
  const title = isOuter
    ? s('text', { x: x + 14, y: y + 23, class: 'name' }, name)
    : s('text', { x: middle, y: y + (isEvery ? 17 : 19), class: 'name', 'text-anchor': 'middle' }, name);
  const radius = isEvery ? height / 2 : 10;
  const kind = [isOuter ? 'outer' : 'inner', isFinal ? 'final' : '', isEvery ? 'every' : ''].join(' ');
  const node = s(
    'g',
    { class: `state ${kind} ${groupOf(path)}`, 'data-state': path },
    s('title', {}, description === '' ? name : `${name}: ${description}`),
    s('rect', { x, y, width, height, rx: radius }),
    title,
    number,
  );
  if (isFinal)
    node.append(s('rect', { x: x + 3, y: y + 3, width: width - 6, height: height - 6, rx: 7, class: 'ring' }));
  if (isInitial && !isOuter) node.append(s('circle', { cx: x + 10, cy: y + height / 2, r: 3, class: 'initial' }));
  return { path, node, count: number };
}

function drawEdge({ points, label, lines }: ChartEdge): DrawnEdge {
  const texts = lines.map(({ ids, text: name }, i) => ({
    ids,
    name,
    text: s('text', { x: label.x + 2, y: label.y + 11.5 + 15 * i, class: 'label' }, name),
  }));
  const node = s(
    'g',
    { class: 'edge', 'data-edges': lines.flatMap(({ ids }) => ids).join(' ') },
    s('path', { d: roundedPath(points), class: 'line' }),
    s('path', { d: arrowAt(points), class: 'arrow' }),
    ...texts.map(({ text }) => text),
  );
  return { node, lines: texts };
}

/** A line through the points with round corners. */
function roundedPath(points: readonly Point[]): string {
  const [first, ...rest] = points;
  if (first === undefined) return '';
  let path = `M${first.x} ${first.y}`;
  let before = first;
  for (const [i, corner] of rest.entries()) {
    const after = rest[i + 1];
    if (after === undefined) {
      path += `L${corner.x} ${corner.y}`;
      break;
    }
    const near = towards(corner, before);
    const far = towards(corner, after);
    path += `L${near.x} ${near.y}Q${corner.x} ${corner.y} ${far.x} ${far.y}`;
    before = corner;
  }
  return path;
}

/** The point on the way to another one, a corner's radius away; half-way where that is nearer. */
function towards(from: Point, to: Point): Point {
  const length = Math.hypot(to.x - from.x, to.y - from.y);
  const share = length === 0 ? 0 : Math.min(RADIUS, length / 2) / length;
  return { x: round(from.x + (to.x - from.x) * share), y: round(from.y + (to.y - from.y) * share) };
}

function arrowAt(points: readonly Point[]): string {
  const [before, end] = points.slice(-2);
  if (before === undefined || end === undefined) return '';
  const angle = Math.atan2(end.y - before.y, end.x - before.x);
  const wing = (turn: number): string =>
    `${round(end.x - 7 * Math.cos(angle + turn))} ${round(end.y - 7 * Math.sin(angle + turn))}`;
  return `M${end.x} ${end.y}L${wing(0.45)}L${wing(-0.45)}Z`;
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
