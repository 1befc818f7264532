import type { AnyStateMachine, AnyStateNode } from 'xstate';

/** A state of a machine, as a diagram shows it. */
export interface GraphState {
  /** `open`, `retrying.attempting`. */
  readonly path: string;
  readonly name: string;
  /** Path of the state that it is in; undefined at the top. */
  readonly parent: string | undefined;
  readonly isInitial: boolean;
  readonly isFinal: boolean;
  readonly description: string;
}

/** What leads from one state to another: the branches of one event that only their guards tell apart are one edge. */
export interface GraphEdge {
  /** Unique in the machine, of `[a-z0-9]`. */
  readonly id: string;
  /** Path of the state that has the transition; empty where every state has it. */
  readonly from: string;
  readonly to: string;
  /** Path of the state that is active afterwards: `to`, or its initial state. */
  readonly leaf: string;
  /** The event's name, or `after backoff`. */
  readonly label: string;
  /** XState's name of the event. */
  readonly eventType: string;
  /** Names of the guards of the branches; a branch without a guard is not named. */
  readonly guards: readonly string[];
}

/** A machine's definition as states and edges. */
export interface Graph {
  readonly machine: string;
  readonly states: readonly GraphState[];
  readonly edges: readonly GraphEdge[];
}

/** Reads a machine's definition. Transitions without a target are no edges. */
export function graphOf(machine: AnyStateMachine): Graph {
  const nodes = descendantsOf(machine.root);
  const edges = new Map<string, GraphEdge>();
  for (const node of [machine.root, ...nodes]) {
    for (const edge of edgesFrom(node)) {
      const key = `${edge.from} ${edge.eventType} ${edge.to}`;
      const { id, guards } = edges.get(key) ?? { id: `e${edges.size}`, guards: [] };
      edges.set(key, { ...edge, id, guards: [...guards, ...edge.guards] });
    }
  }
  return { machine: machine.id, states: nodes.map(stateOf), edges: [...edges.values()] };
}

/** Finds the edge that a transition took, in constant time after the first time. */
export class EdgeFinder {
  readonly #graph: Graph;
  readonly #known = new Map<string, GraphEdge | undefined>();

  constructor(graph: Graph) {
    this.#graph = graph;
  }

  /** Of the innermost state around `from` that has such a transition, as statecharts choose it. */
  find(from: string, to: string, eventType: string): GraphEdge | undefined {
    const key = `${from} ${eventType} ${to}`;
    if (!this.#known.has(key)) this.#known.set(key, this.#search(from, to, eventType));
    return this.#known.get(key);
  }

  #search(from: string, to: string, eventType: string): GraphEdge | undefined {
    const isTaken = (edge: GraphEdge): boolean => edge.eventType === eventType && edge.leaf === to;
    const around = this.#graph.edges.filter((edge) => isTaken(edge) && isWithin(from, edge.from));
    return around.toSorted((one, other) => other.from.length - one.from.length)[0];
  }
}

/** `a.b` is within `a.b`, within `a`, and within the machine, whose path is empty. */
function isWithin(path: string, outer: string): boolean {
  return outer === '' || path === outer || path.startsWith(`${outer}.`);
}

function descendantsOf(node: AnyStateNode): AnyStateNode[] {
  return Object.values(node.states).flatMap((child) => [child, ...descendantsOf(child)]);
}

function stateOf(node: AnyStateNode): GraphState {
  return {
    path: node.path.join('.'),
    name: node.key,
    parent: node.path.length > 1 ? node.path.slice(0, -1).join('.') : undefined,
    isInitial: node.parent?.initial.target.includes(node) ?? false,
    isFinal: node.type === 'final',
    description: node.description ?? '',
  };
}

function edgesFrom(node: AnyStateNode): Omit<GraphEdge, 'id'>[] {
  return [...node.transitions.values()].flat().flatMap(({ eventType, target, guard }) =>
    (target ?? []).map((goal) => ({
      from: node.path.join('.'),
      to: goal.path.join('.'),
      leaf: leafOf(goal).path.join('.'),
      label: labelOf(eventType),
      eventType,
      guards: typeof guard === 'string' ? [guard] : [],
    })),
  );
}

function leafOf(node: AnyStateNode): AnyStateNode {
  const [initial] = Object.keys(node.states).length === 0 ? [] : node.initial.target;
  return initial === undefined ? node : leafOf(initial);
}

/** `after backoff` of `xstate.after.backoff.connection.retrying.backingOff`. */
function labelOf(eventType: string): string {
  return eventType.replace(/^xstate\.after\.([^.]+)\..*$/, 'after $1');
}
