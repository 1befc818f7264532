import { readFile } from 'node:fs/promises';
import { parseAst } from 'vite';
import { describe, expect, it } from 'vitest';
import { createMachine } from 'xstate';
import * as machines from 'threadcast/machines';
import { graphOf } from '../../src/inspector/graph.ts';

// what the Stately editor and visualizer do: they read the source without running it, and load definitions as JSON
describe.each(Object.entries(machines))('the published %s', (name, machine) => {
  const json: unknown = JSON.parse(JSON.stringify(machine.config));

  it('can be read from its source, without running it', async () => {
    const source = await readFile(new URL(`../../dist/machines/${machine.id}.js`, import.meta.url), 'utf8');
    const program: unknown = parseAst(source);
    const call = find(program, (node) => node['type'] === 'VariableDeclarator' && get(node['id'], 'name') === name);
    const init = get(call, 'init');
    expect(get(get(get(init, 'callee'), 'property'), 'name')).toBe('createMachine');
    expect(get(get(get(get(init, 'callee'), 'object'), 'callee'), 'name')).toBe('setup');
    const [config] = list(get(init, 'arguments'));
    expect(literal(config)).toEqual(json);
  });

  it('loads from its JSON, with the same states and edges', () => {
    const loaded = createMachine(Object(json));
    const { states, edges } = graphOf(machine);
    expect(graphOf(loaded)).toEqual({ machine: machine.id, states, edges });
  });
});

type Node = Readonly<Record<string, unknown>>;

/** The value of a literal; functions are no part of a definition's JSON. Anything else is not readable, and the test fails. */
function literal(node: unknown): unknown {
  switch (get(node, 'type')) {
    case 'Literal':
      return get(node, 'value');
    case 'ArrayExpression':
      return list(get(node, 'elements')).map(literal);
    case 'ObjectExpression':
      return Object.fromEntries(
        list(get(node, 'properties')).flatMap((property) => {
          const isPlain = get(property, 'type') === 'Property' && get(property, 'computed') === false;
          const key = get(get(property, 'key'), 'name') ?? get(get(property, 'key'), 'value');
          if (!isPlain || typeof key !== 'string') throw new Error(`not a literal: ${JSON.stringify(property)}`);
          const value = literal(get(property, 'value'));
          return value === undefined ? [] : [[key, value]];
        }),
      );
    case 'ArrowFunctionExpression':
      return undefined;
    default:
      throw new Error(`not a literal: ${JSON.stringify(node)}`);
  }
}

function find(node: unknown, isIt: (node: Node) => boolean): unknown {
  if (Array.isArray(node)) return node.map((child) => find(child, isIt)).find((found) => found !== undefined);
  if (!isNode(node)) return undefined;
  if (isIt(node)) return node;
  return find(Object.values(node), isIt);
}

function isNode(value: unknown): value is Node {
  return typeof value === 'object' && value !== null;
}

function get(node: unknown, key: string): unknown {
  return isNode(node) ? node[key] : undefined;
}

function list(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}
