import { readFile } from 'node:fs/promises';
import { InspectorRefusal } from './refusal.ts';

export interface Asset {
  readonly type: string;
  readonly bytes: Buffer;
}

/** The page's files, put next to this module when the package is built: a table, so that no path can leave it. */
const TYPES: Readonly<Record<string, string>> = {
  'index.html': 'text/html; charset=utf-8',
  'page.js': 'text/javascript; charset=utf-8',
  'page.css': 'text/css; charset=utf-8',
  'charts.json': 'application/json',
};

const loaded = new Map<string, Promise<Asset>>();

/**
 * A file of the page, read once; undefined if there is none of this name.
 * @throws InspectorRefusal 500 if a bundle has left out the page
 */
export function assetOf(name: string): Promise<Asset> | undefined {
  const type = Object.hasOwn(TYPES, name) ? TYPES[name] : undefined;
  if (type === undefined) return undefined;
  let asset = loaded.get(name);
  if (asset === undefined) {
    asset = read(name).then((bytes) => ({ type, bytes }));
    loaded.set(name, asset);
    // it may exist later
    asset.catch(() => loaded.delete(name));
  }
  return asset;
}

async function read(name: string): Promise<Buffer> {
  try {
    return await readFile(new URL(`./page/${name}`, import.meta.url));
  } catch {
    throw new InspectorRefusal(500, 'NO_PAGE', 'the page is not beside this module: keep threadcast out of the bundle');
  }
}
