import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { arch, platform } from 'node:os';
import { resolve } from 'node:path';
import { systemNodes } from './machine.ts';
import type { ServerOptions } from './servers/serve.js';

/** What the load client has to understand. */
export type Dialect = 'plain' | 'threadcast' | 'socketio';

export interface ContenderSpec {
  readonly name: string;
  readonly title: string;
  /** Of the server, in `servers` or absolute. */
  readonly file: string;
  readonly dialect: Dialect;
  readonly options: ServerOptions;
  /** The runtime and its arguments, or why there is none here. */
  readonly runtime: () => readonly string[] | string;
}

const here = import.meta.dirname;
const currentNode = (): readonly string[] => [process.execPath, '--expose-gc'];
/** Without the native sender, whether it is installed or not. */
const inlineNode = (): readonly string[] => ['env', 'THREADCAST_SENDER=inline', ...currentNode()];
const plain = { dialect: 'plain', options: {}, runtime: currentNode } as const;

/** Another checkout of threadcast, to see what a change costs. Both take turns, so the ratio holds when the machine's speed drifts. */
const { BENCH_BASE } = process.env;
const base: readonly ContenderSpec[] =
  BENCH_BASE === undefined
    ? []
    : [
        {
          ...plain,
          name: 'base',
          title: 'threadcast before',
          file: resolve(BENCH_BASE, 'bench/fanout/servers/threadcast.ts'),
          dialect: 'threadcast',
        },
      ];

const specs: readonly ContenderSpec[] = [
  { ...plain, name: 'naive', title: 'naive ws', file: 'naive.ts' },
  { ...plain, name: 'handloop', title: 'hand loop', file: 'handloop.ts' },
  {
    ...plain,
    name: 'threadcast',
    title: 'threadcast',
    file: 'threadcast.ts',
    dialect: 'threadcast',
    runtime: inlineNode,
  },
  ...base,
  {
    ...plain,
    name: 'threadcast-plain',
    title: 'threadcast plain',
    file: 'threadcast.ts',
    options: { format: 'plain' },
    runtime: inlineNode,
  },
  {
    ...plain,
    name: 'threadcast-native',
    title: 'threadcast native',
    file: 'threadcast.ts',
    options: { format: 'plain' },
    runtime: nodeWithSender,
  },
  { ...plain, name: 'socketio', title: 'Socket.IO', file: 'socketio.js', dialect: 'socketio' },
  { ...plain, name: 'uws', title: 'uWebSockets.js', file: 'uws.js', runtime: nodeForUws },
  { ...plain, name: 'bun', title: 'Bun', file: 'bun.js', runtime: bun },
];

/** Less than threadcast, for the layers. */
export const layerSpecs: readonly ContenderSpec[] = [
  {
    ...plain,
    name: 'layer-discard',
    title: 'no socket',
    file: 'threadcast.ts',
    options: { format: 'plain', link: 'none' },
  },
  { ...plain, name: 'layer-pump', title: 'pump', file: 'pump.ts' },
  {
    ...plain,
    name: 'layer-untraced',
    title: 'no telemetry',
    file: 'threadcast.ts',
    options: { format: 'plain', telemetry: 'none' },
  },
];

export interface Available {
  readonly here: readonly ContenderSpec[];
  /** Those that cannot run here, and why. */
  readonly missing: readonly { readonly title: string; readonly reason: string }[];
}

/** @throws Error (`BENCH_NOT_INSTALLED`) when the peers have not been installed */
export function findContenders(names: readonly string[] | undefined): Available {
  if (!existsSync(`${here}/node_modules/ws`)) {
    throw new Error('BENCH_NOT_INSTALLED: the peers are missing; run `npm ci --ignore-scripts` in bench/fanout');
  }
  const wanted = specs.filter(({ name }) => names === undefined || names.includes(name));
  const found: ContenderSpec[] = [];
  const missing: { title: string; reason: string }[] = [];
  for (const spec of wanted) {
    const runtime = spec.runtime();
    if (typeof runtime === 'string') missing.push({ title: spec.title, reason: runtime });
    else found.push({ ...spec, runtime: () => runtime });
  }
  return { here: found, missing };
}

/** The sender is built from `native`; like the other contenders it says why there is none. */
function nodeWithSender(): readonly string[] | string {
  const isBuilt = existsSync(`${here}/../../native/build/threadcast.node`);
  return isBuilt ? currentNode() : 'threadcast-native is not built: `npm run build:native`';
}

/** Its native part exists for some versions of Node only. */
function nodeForUws(): readonly string[] | string {
  const node = systemNodes().find(
    (path) => spawnSync(path, ['-e', `require('@based/uws')`], { cwd: here, stdio: 'ignore' }).status === 0,
  );
  return node === undefined ? 'no Node here that its native part loads in (18, 20, 22 to 25)' : [node, '--expose-gc'];
}

/** The binary lies in a package of its own; no install script is needed. */
function bun(): readonly string[] | string {
  const own = `@oven/bun-${platform()}-${arch() === 'arm64' ? 'aarch64' : arch()}/bin/bun`;
  // its install script, where npm runs it, moves the program
  const path = [own, 'bun/bin/bun.exe']
    .map((file) => `${here}/node_modules/${file}`)
    .find((file) => existsSync(file) && spawnSync(file, ['--version'], { stdio: 'ignore' }).status === 0);
  return path === undefined ? 'its package for this system is not installed, or does not run' : [path];
}
