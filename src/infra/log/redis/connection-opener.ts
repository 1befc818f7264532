import type { Clock } from '../../../api/clock.ts';
import { asError, LogLayoutError } from '../../errors.ts';
import { pause } from '../../time/pause.ts';
import type { Connector, Extent, OnTrouble, RedisConnection } from './connections.ts';

export interface OpenerSettings {
  /** No answer for this long, while a command waits for one, ends the connections. */
  readonly commandTimeoutMs: number;
  readonly connectTimeoutMs: number;
  readonly clock: Clock;
  /** Before new connections are used; rejects with a `LogLayoutError` where they never may be. */
  readonly verify?: (connection: RedisConnection) => Promise<void>;
}

/** What has ended connections, all of them or some. */
export interface Trouble {
  readonly error: Error;
  readonly extent: Extent;
}

/** Makes connections, and lets them be used only after they are verified, all in bounded time. */
export class ConnectionOpener {
  readonly #connect: Connector;
  readonly #settings: OpenerSettings;
  readonly #closed: AbortSignal;
  readonly #onRefused: (error: Error) => void;

  /**
   * @param closed nothing is to be opened any more
   * @param onRefused Redis is not to be used: also where that shows only after the connections are in use
   */
  constructor(connect: Connector, settings: OpenerSettings, closed: AbortSignal, onRefused: (error: Error) => void) {
    this.#connect = connect;
    this.#settings = settings;
    this.#closed = closed;
    this.#onRefused = onRefused;
  }

  /**
   * @param onTrouble told of the troubles of the connections, for as long as they live
   * @param trouble resolves with the first of these
   * @throws what has kept the connections from being made; it ends what is still trying
   */
  async open(onTrouble: OnTrouble, trouble: Promise<Trouble>): Promise<RedisConnection> {
    // aborted also after it is connected: whatever is still trying then is to stop
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

  /** Of several shards, the one that has the answer may be silent: then the others are used. */
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
