import { cp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { DeliveryLog } from '../../src/index.ts';
import { redisLog } from '../../src/redis/index.ts';
import { RedisServer } from '../support/redis-server.ts';
import { pause } from './load.ts';
import type { Loss, Stage, Store, Trouble } from './store.ts';

/** A Redis that writes each command to its disk before it answers. */
export class RedisStore implements Store {
  readonly name = 'Redis';
  readonly #redis: RedisServer;

  private constructor(redis: RedisServer) {
    this.#redis = redis;
  }

  static async start(): Promise<RedisStore> {
    return new RedisStore(await RedisServer.start(['--appendonly', 'yes', '--appendfsync', 'always']));
  }

  get port(): number {
    return this.#redis.port;
  }

  readonly troubles: readonly Trouble[] = [
    {
      name: 'Redis is killed and restarted',
      happen: async ({ troubleMs }) => {
        await this.#redis.kill();
        await pause(troubleMs);
        await this.#redis.start();
      },
    },
    {
      name: 'Redis is frozen',
      happen: async ({ freezeMs }) => {
        this.#redis.freeze();
        await pause(freezeMs);
        this.#redis.thaw();
      },
    },
    { name: 'Redis is restored from an older snapshot', happen: (stage) => this.#restore(stage) },
  ];

  env(port: number): Readonly<Record<string, string>> {
    return { LOG: 'redis', LOG_URL: `redis://127.0.0.1:${port}` };
  }

  openLog(): DeliveryLog {
    return redisLog({ url: this.#redis.url, maxEntries: 1_000_000 });
  }

  stop(): Promise<void> {
    return this.#redis.stop();
  }

  async #restore({ quiet }: Stage): Promise<Loss> {
    const [files, backup] = [join(this.#redis.dir, 'appendonlydir'), join(this.#redis.dir, 'backup')];
    // what a backup of the disk holds; taken while nothing is written
    this.#redis.freeze();
    await rm(backup, { recursive: true, force: true });
    await cp(files, backup, { recursive: true });
    this.#redis.thaw();
    const from = performance.now();
    await quiet();
    await this.#redis.kill();
    await rm(files, { recursive: true });
    await cp(backup, files, { recursive: true });
    await this.#redis.start();
    return { from, to: performance.now() };
  }
}
