import { LogUnavailableError } from '../../infra/errors.ts';
import { checkId, formatPosition } from '../../infra/log/ids.ts';
import { checkCount } from '../../infra/option-checks.ts';
import { isObject } from '../../infra/wire/json-object.ts';
import { checkOptions, type OptionTable } from '../../infra/option-table.ts';
import { HistoryPages, MOST_IN_PAGE } from './history-pages.ts';
import { parsePage } from './history-reader.ts';
import type { StreamServices } from '../streams/stream-services.ts';
import { checkMessage } from './message-check.ts';
import type { ThreadPort } from './thread-port.ts';
import { resolveStream } from '../streams/resolve-stream-options.ts';
import type { ValueServices } from '../values/value-changes.ts';
import { ValuesHandle } from '../values/values-handle.ts';
import { StreamHandle } from '../streams/stream-handle.ts';
import type { Connection } from '../../api/connection.ts';
import type { HistoryOptions, HistoryPage } from '../../api/history.ts';
import type { Thread, ThreadStats } from '../../api/thread.ts';
import type { PendingReceipt, Receipt } from '../../api/receipt.ts';
import type { SendOptions, TransactionOptions } from '../../api/message.ts';
import { assertTransaction } from './staged-send.ts';
import type { ChunkStreamOptions, StreamInProgress, StreamOptions } from '../../api/stream.ts';

const HISTORY_OPTIONS: OptionTable<HistoryOptions> = { before: 'text', after: 'text', limit: 'number' };

/** The application's handle of a thread: the id, and the way to the thread as it is now. */
export class ThreadHandle implements Thread {
  readonly id: string;
  readonly #services: StreamServices;
  readonly #threads: ThreadPort;
  readonly #values: ValueServices;

  constructor(id: string, services: StreamServices, threads: ThreadPort, values: ValueServices) {
    this.id = id;
    this.#services = services;
    this.#threads = threads;
    this.#values = values;
  }

  get values(): ValuesHandle {
    return new ValuesHandle(this.id, this.#values);
  }

  get stats(): ThreadStats {
    return this.#threads.statsOf(this.id);
  }

  get members(): readonly Connection[] {
    return this.#threads.membersOf(this.id);
  }

  users(): Promise<readonly string[]> {
    return this.#threads.usersOf(this.id);
  }

  async memberCount(): Promise<number> {
    const elsewhere = await this.#services.settings.log.membersElsewhere?.(this.id);
    return this.stats.members + (elsewhere ?? 0);
  }

  async position(): Promise<string> {
    return formatPosition(await this.#services.settings.log.position(this.id));
  }

  async history(options: HistoryOptions = {}): Promise<HistoryPage> {
    checkOptions<HistoryOptions>(options, HISTORY_OPTIONS);
    const { before, after } = options;
    const limit = checkCount('limit', options.limit, 100, { min: 1, max: MOST_IN_PAGE.messages });
    const pages = new HistoryPages(this.id, this.#services);
    const page = await pages.read({ before, after, limit, maxBytes: MOST_IN_PAGE.bytes });
    return parsePage(this.id, page, this.#services);
  }

  ready(): Promise<void> {
    return this.#threads.whenReady(this.id);
  }

  send(message: unknown, options: TransactionOptions): Promise<PendingReceipt>;
  send(message: unknown, options?: SendOptions): Promise<Receipt>;
  async send(message: unknown, options?: SendOptions | TransactionOptions): Promise<Receipt | PendingReceipt> {
    this.#services.status.assertRunning('send');
    const checking = this.#check(message);
    if (checking !== undefined) await checking;
    // what is no object is refused there
    if (!isObject(options) || !('transaction' in options)) {
      const sender = this.#threads.sender(this.id);
      return (sender instanceof Promise ? await sender : sender).send(message, options);
    }
    const { transaction, ...others } = options;
    assertTransaction(transaction);
    const thread = await this.#threads.open(this.id);
    return thread.sendIn(message, others, transaction);
  }

  async remove(messageId: string): Promise<Receipt> {
    checkId('messageId', messageId);
    this.#services.status.assertRunning('remove');
    const sender = this.#threads.sender(this.id);
    return (sender instanceof Promise ? await sender : sender).remove(messageId);
  }

  async delete(): Promise<void> {
    const { status, settings } = this.#services;
    status.assertRunning('delete');
    if (settings.log.erase === undefined)
      throw new LogUnavailableError({ threadId: this.id, reason: 'this log cannot erase a thread' });
    await settings.log.erase(this.id);
  }

  streams(): readonly StreamInProgress[] {
    return this.#threads.streamsOf(this.id);
  }

  stream(options: StreamOptions | ChunkStreamOptions<unknown> = {}): StreamHandle {
    this.#services.status.assertRunning('stream');
    const settings = resolveStream(options, this.#services);
    if (settings.codec !== undefined) this.#services.codecs.set(settings.codec.name, settings.codec);
    const opening = this.#threads.open(this.id);
    const streams = opening instanceof Promise ? opening.then((thread) => thread.openStreams()) : opening.openStreams();
    return new StreamHandle(this.id, settings, this.#services, streams);
  }

  /** @throws InvalidMessageError, in development */
  #check(message: unknown): Promise<void> | undefined {
    const { isDevelopment, definitions } = this.#services.settings;
    const definition = isDevelopment ? definitions.of(this.id) : undefined;
    return definition && checkMessage(definition, this.id, message);
  }
}
