import type { Engine } from './engine.ts';
import type { Lobby } from './lobby.ts';
import type { Threads } from './threads.ts';

/** All of a hub: the engine that its actors share, its connections and its threads. */
export interface Household {
  readonly engine: Engine;
  readonly lobby: Lobby;
  readonly threads: Threads;
}
