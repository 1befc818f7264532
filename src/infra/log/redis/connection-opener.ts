import type { Clock } from '../../../api/clock.ts';
import { asError, LogLayoutError } from '../../errors.ts';
import { pause } from '../../time/pause.ts';
import type { Connector, Extent, OnTrouble, RedisConnection } from './connections.ts';

export interface OpenerSettings {
  /** The connections end if a command gets no answer for this long. */
  readonly commandTimeoutMs: number;
  readonly connectTimeoutMs: number;
  readonly clock: Clock;
  /** Called before new connections are used; rejects with a `LogLayoutError` if they must never be used. */
  readonly verify?: (connection: RedisConnection) => Promise<void>;
}

/** Why connections have ended, all of them or some. */
export interface Trouble {
  readonly error: Error;
  readonly extent: Extent;
}

/** Opens connections, and releases them for use only after they are verified, all in bounded time. */
export class ConnectionOpener {
  readonly #connect: Connector;
  readonly #settings: OpenerSettings;
  readonly #closed: AbortSignal;
  readonly #onRefused: (error: Error) => void;

  /**
   * @param closed nothing is to be opened any more
   * @param onRefused Redis must not be used; also called if that shows only after the connections are in use
   */
  constructor(connect: Connector, settings: OpenerSettings, closed: AbortSignal, onRefused: (error: Error) => void) {
    this.#connect = connect;
    this.#settings = settings;
    this.#closed = closed;
    this.#onRefused = onRefused;
  }

  /**
   * @param onTrouble called for each trouble of the connections, as long as they live
   * @param trouble resolves with the first trouble
   * @throws the cause that kept the connections from opening; attempts in progress are ended
   */
  async open(onTrouble: OnTrouble, trouble: Promise<Trouble>): Promise<RedisConnection> {
    // aborted also after it is connected, to stop attempts that are still in progress
    const { clock, connectTimeoutMs } = this.#settings;
    const limit = new AbortController();
    const stop = (): void => limit.abort();
    const timer = clock.setTimeout(stop, connectTimeoutMs);
    this.#closed.addEventListener('abort', stop);
    const isLate = new Promise<never>((_resolve, reject) => {
      limit.signal.addEventListener('abort', () => reject(new Error('Redis did not answer in time')));
    });
    const hasFailed = trouble.then(({ error }) => Promise.reject(error));
    hasFailed.catch(() => {});
    isLate.catch(() => {});
    let connection: RedisConnection | undefined;
    try {
      const made = await Promise.race([this.#connect(onTrouble, limit.signal), isLate, hasFailed]);
      connection = made;
      await Promise.race([this.#verify(made), isLate, hasFailed]);
      return made;
    } catch (error) {
      limit.abort();
      connection?.destroy();
      throw error;
    } finally {
      clock.clearTimeout(timer);
      this.#closed.removeEventListener('abort', stop);
    }
  }

  /** If the shard that has the answer is silent, the other shards are used. */
  async #verify(connection: RedisConnection): Promise<void> {
    const { verify, clock, commandTimeoutMs } = this.#settings;
    if (verify === undefined) return;
    const verified = verify(connection);
    if (connection.extent === 'ended') return verified;
    const tolerated = verified.catch((error: unknown) => {
      if (error instanceof LogLayoutError) throw error;
    });
    tolerated.catch((error: unknown) => this.#onRefused(asError(error)));
    await Promise.race([tolerated, pause(clock, commandTimeoutMs / 2, this.#closed)]);
  }
}
