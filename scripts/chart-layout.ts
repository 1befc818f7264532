import elk, { type ElkExtendedEdge, type ElkNode } from 'elkjs';
import type { ChartEdge, ChartLayout, ChartState } from '../src/inspector/chart.ts';
import type { Graph, GraphEdge, GraphState } from '../src/inspector/graph.ts';

/** As the page's style sheet has it: the width of a character, on the safe side, and the heights of lines. */
const STATE_CHAR = 7.6;
const LABEL_CHAR = 6.5;
const LABEL_LINE = 15;
/** For the count beside an edge's name. */
const COUNT_WIDTH = 26;
const STATE_HEIGHT = 46;
const HEAD_HEIGHT = 34;
const ANYWHERE = '*';

const OPTIONS = {
  'elk.algorithm': 'layered',
  'elk.direction': 'RIGHT',
  'elk.hierarchyHandling': 'INCLUDE_CHILDREN',
  'elk.edgeRouting': 'ORTHOGONAL',
  'elk.json.edgeCoords': 'ROOT',
  'elk.json.shapeCoords': 'ROOT',
  'elk.padding': '[top=4,left=4,bottom=4,right=4]',
  'elk.layered.spacing.nodeNodeBetweenLayers': '10',
  'elk.layered.spacing.edgeNodeBetweenLayers': '9',
  'elk.layered.spacing.edgeEdgeBetweenLayers': '9',
  'elk.spacing.nodeNode': '22',
  'elk.spacing.edgeNode': '14',
  'elk.spacing.edgeEdge': '12',
  'elk.spacing.edgeLabel': '3',
  'elk.layered.nodePlacement.strategy': 'NETWORK_SIMPLEX',
  'elk.layered.considerModelOrder.strategy': 'NODES_AND_EDGES',
};

/** All that leads from one state to another. */
interface Bundle {
  readonly from: string;
  readonly to: string;
  readonly lines: { text: string; ids: string[] }[];
}

/** Lays a machine's chart out. */
export async function layoutOf(graph: Graph): Promise<ChartLayout> {
  const bundles = bundlesOf(graph.edges);
  const root: ElkNode = await new elk.default().layout({
    id: 'root',
    layoutOptions: OPTIONS,
    children: nodesIn(graph, undefined).toSpliced(-1, 0, ...anywhere(graph)),
    edges: bundles.map((bundle, i) => edgeOf(bundle, i, isBackward(graph, bundle))),
  });
  return {
    machine: graph.machine,
    width: Math.ceil(root.width ?? 0),
    height: Math.ceil(root.height ?? 0),
    states: (root.children ?? []).flatMap((node) => statesOf(node, graph)),
    edges: (root.edges ?? []).map((edge, i) => chartEdge(edge, bundles[i], graph)),
  };
}

function bundlesOf(edges: readonly GraphEdge[]): Bundle[] {
  const bundles = new Map<string, Bundle>();
  for (const { id, from, to, label } of edges) {
    const key = `${from} ${to}`;
    const bundle = bundles.get(key) ?? { from: from === '' ? ANYWHERE : from, to, lines: [] };
    const line = bundle.lines.find(({ text }) => text === label);
    if (line === undefined) bundle.lines.push({ text: label, ids: [id] });
    else line.ids.push(id);
    bundles.set(key, bundle);
  }
  return [...bundles.values()];
}

function nodesIn(graph: Graph, parent: string | undefined): ElkNode[] {
  return graph.states.filter((state) => state.parent === parent).map((state) => nodeOf(graph, state));
}

function nodeOf(graph: Graph, { path, name }: GraphState): ElkNode {
  const children = nodesIn(graph, path);
  const width = Math.max(96, name.length * STATE_CHAR + 46);
  if (children.length === 0) return { id: path, width, height: STATE_HEIGHT };
  const padding = `[top=${HEAD_HEIGHT + 10},left=12,bottom=14,right=12]`;
  return { id: path, children, layoutOptions: { 'elk.padding': padding } };
}

function anywhere(graph: Graph): ElkNode[] {
  return graph.edges.some(({ from }) => from === '') ? [{ id: ANYWHERE, width: 92, height: 26 }] : [];
}

/** The definition's order is the way of a life; what leads back is laid out the other way round, so that it keeps its order. */
function isBackward({ states }: Graph, { from, to }: Bundle): boolean {
  const placeOf = (path: string): number => states.findIndex((state) => state.path === path);
  return from !== ANYWHERE && placeOf(from) > placeOf(to);
}

function edgeOf({ from, to, lines }: Bundle, i: number, isReversed: boolean): ElkExtendedEdge {
  const width = Math.max(...lines.map(({ text }) => text.length)) * LABEL_CHAR + COUNT_WIDTH;
  const text = lines.map((line) => line.text).join('\n');
  const labels = [{ id: `label${i}`, text, width, height: lines.length * LABEL_LINE }];
  const [source, target] = isReversed ? [to, from] : [from, to];
  return { id: `edge${i}`, sources: [source], targets: [target], labels };
}

function statesOf(node: ElkNode, graph: Graph): ChartState[] {
  const { id: path, x = 0, y = 0, width = 0, height = 0, children = [] } = node;
  const known = graph.states.find((state) => state.path === path);
  const { name = 'any state', description = '', isFinal = false, isInitial = false } = known ?? {};
  const state = { path, name, description, isFinal, isInitial, isOuter: children.length > 0, x, y, width, height };
  return [state, ...children.flatMap((child) => statesOf(child, graph))];
}

function chartEdge(edge: ElkExtendedEdge, bundle: Bundle | undefined, graph: Graph): ChartEdge {
  const [section] = edge.sections ?? [];
  const [label] = edge.labels ?? [];
  if (section === undefined || label === undefined || bundle === undefined) throw new Error(`no way for ${edge.id}`);
  const { x = 0, y = 0, width = 0, height = 0 } = label;
  const points = [section.startPoint, ...(section.bendPoints ?? []), section.endPoint];
  const way = points.map(({ x, y }) => ({ x, y }));
  if (isBackward(graph, bundle)) way.reverse();
  return { points: way, label: { x, y, width, height }, lines: bundle.lines };
}
