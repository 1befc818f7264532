/**
 * Draws the machines from their definitions into docs/machines.md: `npm run docs:machines`. A test compares the file with what
 * this makes.
 */
import { writeFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import type { AnyStateMachine } from 'xstate';
import { graphOf, type Graph, type GraphEdge, type GraphState } from '../src/inspector/graph.ts';
import {
  connectionMachine,
  hubMachine,
  poolConnectionMachine,
  serializerMachine,
  threadMachine,
} from '../src/machines/index.ts';

const MACHINES: readonly { readonly machine: AnyStateMachine; readonly file: string; readonly about: string }[] = [
  { machine: connectionMachine, file: 'connection', about: 'One for each connection: a breaker around one socket.' },
  { machine: threadMachine, file: 'thread', about: 'One for each thread that somebody uses.' },
  { machine: serializerMachine, file: 'serializer', about: 'One for each hub.' },
  { machine: hubMachine, file: 'hub', about: 'The hub itself.' },
  {
    machine: poolConnectionMachine,
    file: 'pool-connection',
    about: 'One for each connection of a [pool](pool.md): a breaker around attempts to reach a hub.',
  },
];

/** The whole of docs/machines.md. */
export function machinesPage(): string {
  const intro = `# The machines

Every state that something in threadcast can be in is a state of one of these five [XState](https://stately.ai/docs) machines. They are
literals, exported as \`threadcast/machines\`: the Stately editor and visualizer read them as they are. The running ones are
shown by \`threadcast/inspector\`.

This page is made from the code by \`npm run docs:machines\`; the tests fail when it is out of date.`;
  return `${[intro, ...MACHINES.map(sectionOf)].join('\n\n')}\n`;
}

function sectionOf({ machine, file, about }: (typeof MACHINES)[number]): string {
  const graph = graphOf(machine);
  const anywhere = graph.edges.filter(({ from }) => from === '');
  return [
    `## ${graph.machine}`,
    `${about} [Source](../src/machines/${file}.ts).`,
    `\`\`\`mermaid\n${diagramOf(graph)}\n\`\`\``,
    `From every state that is not final: ${anywhere.map(({ label, to }) => `\`${label}\` to \`${to}\``).join(', ')}.`,
    graph.states.map(({ path, description }) => `- \`${path}\`: ${description}`).join('\n'),
  ].join('\n\n');
}

function diagramOf(graph: Graph): string {
  return ['stateDiagram-v2', ...statesOf(graph, undefined, '  '), ...linesOf(graph)].join('\n');
}

/** The states in this one, those with states of their own as boxes. */
function statesOf(graph: Graph, parent: string | undefined, indent: string): string[] {
  const states = graph.states.filter((state) => state.parent === parent);
  return states.flatMap((state) => {
    const inner = statesOf(graph, state.path, `${indent}  `);
    const start = state.isInitial ? [`${indent}[*] --> ${state.name}`] : [];
    // named where it is, or the first edge that leads to it from elsewhere would place it there
    if (inner.length === 0) return [...start, `${indent}${state.name}`];
    return [...start, `${indent}state ${state.name} {`, ...inner, `${indent}}`];
  });
}

function linesOf({ states, edges }: Graph): string[] {
  const nameOf = (path: string): string => path.split('.').at(-1) ?? path;
  const lineOf = ({ from, to, label, guards }: GraphEdge): string => {
    const condition = guards.length === 0 ? '' : ` [${guards.join(' or ')}]`;
    return `  ${nameOf(from)} --> ${nameOf(to)}: ${label}${condition}`;
  };
  const endOf = ({ name }: GraphState): string => `  ${name} --> [*]`;
  return [
    ...edges.filter(({ from }) => from !== '').map(lineOf),
    ...states.filter(({ isFinal }) => isFinal).map(endOf),
  ];
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  writeFileSync(new URL('../docs/machines.md', import.meta.url), machinesPage());
}
