import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import * as machines from '../../src/machines/index.ts';
import { edgesOf } from './explore.ts';

const folder = new URL('../../src/machines/', import.meta.url);
const files = readdirSync(folder).filter((file) => file.endsWith('.ts'));

describe.each(files)('src/machines/%s', (file) => {
  const source = readFileSync(new URL(file, folder), 'utf8');

  it('imports xstate and other machines, nothing else', () => {
    const imports = [...source.matchAll(/(?:from|import)\s*\(?\s*['"]([^'"]+)['"]/g)].map(([, name = '']) => name);
    expect(imports.filter((name) => name !== 'xstate' && !/^\.\/[\w-]+\.ts$/.test(name))).toEqual([]);
  });

  it('decides and never does: no clock, no chance, no output', () => {
    expect(source).not.toMatch(
      /\b(Date|performance|Math\.random|crypto|process|console|setTimeout|setImmediate|fetch)\b/,
    );
  });

  it('is a literal that the Stately editor can read', () => {
    if (file === 'index.ts') return;
    expect(source).toMatch(/= setup\(\{/);
    expect(source).toMatch(/\}\)\.createMachine\(\{/);
  });
});

describe('the machines', () => {
  it('all five are tested, and have edges', () => {
    const tested = ['connectionMachine', 'hubMachine', 'poolConnectionMachine', 'serializerMachine', 'threadMachine'];
    expect(Object.keys(machines).toSorted()).toEqual(tested);
    for (const machine of [machines.hubMachine, machines.serializerMachine, machines.threadMachine]) {
      expect(edgesOf(machine).length).toBeGreaterThan(4);
    }
  });
});
