/** Builds the inspector's page into a folder: its script and style in one file each, and the layout of every chart. */
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { build } from 'vite';
import { graphOf } from '../src/inspector/graph.ts';
import {
  connectionMachine,
  hubMachine,
  poolConnectionMachine,
  serializerMachine,
  threadMachine,
} from '../src/machines/index.ts';
import { layoutOf } from './chart-layout.ts';

const root = fileURLToPath(new URL('../src/inspector/page/', import.meta.url));

/** @param outDir with a slash at its end */
export async function buildInspector(outDir: string): Promise<void> {
  await build({
    configFile: false,
    root,
    // the page is served under any path
    base: './',
    logLevel: 'warn',
    build: {
      outDir,
      emptyOutDir: true,
      target: 'es2023',
      modulePreload: false,
      rolldownOptions: { output: { entryFileNames: 'page.js', assetFileNames: 'page.[ext]' } },
    },
  });
  const machines = [connectionMachine, threadMachine, serializerMachine, hubMachine, poolConnectionMachine];
  const charts = await Promise.all(machines.map((machine) => layoutOf(graphOf(machine))));
  writeFileSync(`${outDir}charts.json`, JSON.stringify(charts));
}
