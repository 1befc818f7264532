import { SerializationTimeoutError, WorkerFailedError } from '../../src/infra/errors.ts';
import { SharedBody } from '../../src/infra/log/shared-body.ts';
import { PoolHealth } from '../../src/infra/serialization/workers/pool-health.ts';
import type { EncodedRecipe } from '../../src/infra/serialization/workers/pool-job.ts';
import type { OpenWorkers, Workers } from '../../src/infra/serialization/workers/worker-port.ts';
import type { Clock } from '../../src/index.ts';
import type { Dice } from './dice.ts';

/** How a pool of workers does. */
export type Temper = 'well' | 'failing';

/** Recipes of the simulator: the arguments are the message. */
export const ECHO = 'data:text/javascript,export%20default%20(value)%20=%3E%20value';

/** Workers without threads: they answer late, die over a recipe, or never answer, as the dice say. */
export function simWorkers(clock: Clock, dice: Dice, temper: Temper): OpenWorkers {
  return ({ timeoutMs = 5_000, onHealth = () => {} }): Workers => {
    const health = new PoolHealth(onHealth);
    /** By recipe in progress: how to give it up. */
    const running = new Set<(reason: unknown) => void>();
    const fails = (probability: number): boolean => temper === 'failing' && dice.chance(probability);
    return {
      canStart: true,
      get stats() {
        return { queued: 0, running: running.size, threads: running.size };
      },
      run: ({ url, args }) =>
        new Promise<EncodedRecipe>((resolve, reject) => {
          const json = Buffer.from(JSON.stringify(args));
          const end = (act: () => void, delayMs: number): void => {
            clock.setTimeout(() => {
              if (!running.delete(reject)) return;
              act();
            }, delayMs);
          };
          const lose = (reason: Error) => (): void => {
            reject(reason);
            health.workerLost();
          };
          running.add(reject);
          if (fails(0.1)) return end(lose(new SerializationTimeoutError({ timeoutMs, strategy: 'pooled' })), timeoutMs);
          const tookMs = dice.pick([0, 5, 50, 800]);
          if (fails(0.4)) return end(lose(new WorkerFailedError({ url, reason: 'the worker died' })), tookMs);
          return end(() => {
            const times = { startedAt: 0, endedAt: tookMs, buildMs: tookMs, stringifyMs: 0, queueWaitMs: 0 };
            resolve({ body: new SharedBody([new Uint8Array(json)]), bytes: json.length, ...times });
            health.jobDone();
          }, tookMs);
        }),
      close: () => {
        for (const reject of running) reject(new WorkerFailedError({ url: ECHO, reason: 'the pool was closed' }));
        running.clear();
        return Promise.resolve();
      },
    };
  };
}
