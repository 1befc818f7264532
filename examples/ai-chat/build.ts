import { fileURLToPath } from 'node:url';
import { build } from 'vite';

/** Builds the page into `app/dist`. */
export async function buildPage(): Promise<void> {
  await build({
    configFile: false,
    // packages for React warn that a directive of servers is left out
    logLevel: 'error',
    root: fileURLToPath(new URL('app', import.meta.url)),
    build: { outDir: 'dist', emptyOutDir: true, target: 'es2023' },
  });
}
