import { createRequire } from 'node:module';

/** Threads of `threadcast-native` and the sockets that they send to; see its `index.d.ts`, where each call is described. */
export interface AddonSender {
  start(lanes: number): number;
  adopt(fd: number, reserve: number): number;
  shut(slot: number): void;
  release(slot: number): void;
  send(lane: number, slots: Int32Array, count: number, bytes: Uint8Array, results: Int32Array): boolean;
  drain(): void;
  stop(): void;
}

/** What the package `threadcast-native` exports. */
export interface Addon {
  create(onLanded: (lane0: number, lane1: number) => void): AddonSender;
  descriptorLimit(): number;
}

/** The addon, or why there is none. */
export type LoadedAddon =
  { readonly addon: Addon; readonly reason: string } | { readonly addon: undefined; readonly reason: string };

/** Looks for `threadcast-native` next to this package. Never throws: without it, hubs send from the event loop. */
export function loadAddon(require: (name: string) => unknown = requireHere): LoadedAddon {
  try {
    const found = require('threadcast-native');
    if (isAddon(found)) return { addon: found, reason: 'threadcast-native is installed' };
    return { addon: undefined, reason: 'the installed threadcast-native is not one that this version knows' };
  } catch (error) {
    return { addon: undefined, reason: reasonOf(error) };
  }
}

/** A bundle in CommonJS has no `import.meta.url`: it looks next to the script that runs. */
function requireHere(name: string): unknown {
  const here: string | undefined = import.meta.url;
  return createRequire(here ?? process.argv[1] ?? process.execPath)(name);
}

function isAddon(found: unknown): found is Addon {
  if (typeof found !== 'object' || found === null) return false;
  return ['create', 'descriptorLimit'].every((name) => typeof Reflect.get(found, name) === 'function');
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return 'threadcast-native cannot be loaded';
  const isMissing = Reflect.get(error, 'code') === 'MODULE_NOT_FOUND';
  return isMissing ? 'threadcast-native is not installed' : error.message;
}
