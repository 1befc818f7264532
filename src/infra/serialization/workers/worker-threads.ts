import { fileURLToPath } from 'node:url';
import { Piscina } from 'piscina';
import type { WorkerReply, WorkerTask } from './worker-protocol.ts';

/** Piscina starts, feeds, idles and ends the threads. */
export type PiscinaPool = Piscina<WorkerTask, WorkerReply>;

export interface ThreadOptions {
  readonly maxThreads: number;
  readonly idleTimeoutMs: number;
  /** Of one thread, in MiB; undefined for Node's. */
  readonly heapMb: number | undefined;
}

/**
 * A pool without any thread yet.
 * @param onError a thread has ended with an error while it had nothing to do
 * @throws Error where there is no file for the threads, as in a bundle
 */
export function makePiscina({ maxThreads, idleTimeoutMs, heapMb }: ThreadOptions, onError: () => void): PiscinaPool {
  const piscina: PiscinaPool = new Piscina({
    filename: workerFile(),
    minThreads: 0,
    maxThreads,
    idleTimeout: idleTimeoutMs,
    concurrentTasksPerWorker: 1,
    // With atomics, a worker sleeps in `Atomics.wait` between tasks and its event loop stands still: a recipe's database
    // pool could not answer a keepalive, and its late errors would hit the next recipe.
    atomics: 'disabled',
    recordTiming: false,
    ...(heapMb !== undefined && { resourceLimits: { maxOldGenerationSizeMb: heapMb } }),
  });
  piscina.on('error', onError);
  return piscina;
}

/**
 * The worker's file, compiled or, when run from source, as it is. Looked for at the first recipe: a bundle in CommonJS has no
 * `import.meta.url`, and must load all the same.
 */
function workerFile(): string {
  const here: string | undefined = import.meta.url;
  if (here === undefined) throw new Error('a bundle has no file for workers; keep threadcast out of it (external)');
  return fileURLToPath(new URL(here.endsWith('.ts') ? './recipe-worker.ts' : './recipe-worker.js', here));
}
