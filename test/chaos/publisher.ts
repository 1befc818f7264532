import { Load, pause } from './load.ts';
import type { World } from './world.ts';

/** A node that does not answer for so long is taken for lost, as a backend's own time limits do. */
const ANSWER_MS = 10_000;
/** How long the last message of a publisher may take: all nodes are up, and so is the store. */
const LAST_MS = 240_000;

/** A publish that the hub has answered. */
export interface Acked {
  readonly threadId: string;
  readonly key: string;
  /** The try that was answered. The log took the message at some moment between these two. */
  readonly began: number;
  readonly at: number;
}

/** Publishes one message after the other, each until a node has acknowledged it, always with the same idempotency key. */
export class Publisher extends Load {
  readonly acked: Acked[] = [];
  /** What no node has acknowledged, though there was time. */
  readonly refused: string[] = [];
  readonly #world: World;
  readonly #name: string;
  readonly #threads: readonly string[];
  readonly #paceMs: number;
  /** Tries that failed. */
  failures = 0;

  readonly #path: string;

  /** @param path what it asks of the nodes */
  constructor(world: World, name: string, threads: readonly string[], paceMs: number, path = '/send') {
    super();
    this.#path = path;
    this.#world = world;
    this.#name = name;
    this.#threads = threads;
    this.#paceMs = paceMs;
  }

  protected async act(n: number): Promise<void> {
    const threadId = this.#threads[n % this.#threads.length] ?? '';
    const key = `${this.#name}-${n}`;
    let began = performance.now();
    for (let turn = n; !(await this.#publish(threadId, key, turn)); turn++, began = performance.now()) {
      this.failures++;
      if (this.stoppingMs > LAST_MS) {
        this.refused.push(`${key} was not acknowledged within ${LAST_MS} ms`);
        return;
      }
      await pause(50);
    }
    this.acked.push({ threadId, key, began, at: performance.now() });
    await pause(this.#paceMs);
  }

  async #publish(threadId: string, key: string, turn: number): Promise<boolean> {
    try {
      const signal = AbortSignal.timeout(ANSWER_MS);
      const { ok } = await fetch(`${this.#world.node(turn)}${this.#path}?thread=${threadId}&key=${key}`, {
        method: 'POST',
        signal,
      });
      return ok;
    } catch {
      return false;
    }
  }
}

/** One token stream after the other in one thread; what becomes of each is the clients' to see. */
export class Speaker extends Load {
  readonly #world: World;
  readonly #threadId: string;

  constructor(world: World, threadId: string) {
    super();
    this.#world = world;
    this.#threadId = threadId;
  }

  protected async act(n: number): Promise<void> {
    const url = `${this.#world.node(n)}/stream?thread=${this.#threadId}&key=stream-${n}`;
    await fetch(url, { method: 'POST', signal: AbortSignal.timeout(ANSWER_MS) }).catch(() => pause(100));
  }
}
