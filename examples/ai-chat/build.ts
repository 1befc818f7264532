import { fileURLToPath } from 'node:url';
import { build } from 'vite';

const path = (name: string): string => fileURLToPath(new URL(name, import.meta.url));

/** Builds the page into `app/dist`. In an application, `threadcast` is a package like any other, and nothing of this is needed. */
export async function buildPage(): Promise<void> {
  await build({
    configFile: false,
    logLevel: 'warn',
    root: path('app'),
    resolve: { alias: [{ find: /^threadcast\/(.*)$/, replacement: `${path('../../dist')}/$1/index.js` }] },
    build: { outDir: 'dist', emptyOutDir: true, target: 'es2023' },
  });
}
