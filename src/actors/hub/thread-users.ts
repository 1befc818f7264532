import type { Connection } from '../../api/connection.ts';
import type { LeaveReason } from '../../api/events.ts';
import { LogUnsupportedError } from '../../infra/errors.ts';
import type { MembershipPort } from '../connection/connection-services.ts';
import { guarded } from '../support/emitter.ts';
import type { HubContext } from '../support/context.ts';
import { userScope } from '../support/id-scope.ts';
import { inSlices } from '../support/wait.ts';
import type { Aimed, AudiencePort } from '../thread/thread-services.ts';
import type { ConnectionRegistry } from './connection-registry.ts';
import type { HubNews } from './hub-events.ts';

type Context = Pick<HubContext, 'settings' | 'scheduler' | 'status' | 'report'>;

/**
 * The users in each thread. If other processes share the log, each process reports its own there, and a crash needs no cleanup; if not,
 * it counts them when the application asks.
 */
export class ThreadUsers implements MembershipPort, AudiencePort {
  readonly #context: Context;
  readonly #connections: ConnectionRegistry;
  readonly #membersOf: (threadId: string) => readonly Connection[];
  readonly #news: HubNews;
  readonly #isShared: boolean;

  /** @param membersOf the connections of this process in a thread */
  constructor(
    context: Context,
    connections: ConnectionRegistry,
    membersOf: (threadId: string) => readonly Connection[],
    news: HubNews,
  ) {
    this.#context = context;
    this.#connections = connections;
    this.#membersOf = membersOf;
    this.#news = news;
    this.#isShared = context.settings.log.notify !== undefined;
  }

  joined(connection: Connection, threadId: string): void {
    const { userId } = connection;
    const { settings, report } = this.#context;
    if (this.#isShared && userId !== undefined) guarded(() => settings.log.presence?.add(threadId, userId), report);
    this.#news.joined(connection, threadId);
  }

  left(connection: Connection, threadId: string, reason: LeaveReason): void {
    const { userId } = connection;
    const { settings, report } = this.#context;
    if (this.#isShared && userId !== undefined && !this.#connections.isUserIn(userId, threadId))
      guarded(() => settings.log.presence?.remove(threadId, userId), report);
    this.#news.left(connection, threadId, reason);
  }

  async of(threadId: string): Promise<readonly string[]> {
    const { presence } = this.#context.settings.log;
    if (!this.#isShared) return this.#here(threadId);
    if (presence === undefined) throw new LogUnsupportedError('presence');
    return presence.list(threadId);
  }

  delivered(message: Aimed): void {
    this.#find(message).catch(this.#context.report);
  }

  async #find({ threadId, id, audience, except }: Aimed): Promise<void> {
    const { scheduler, status, report } = this.#context;
    const present = new Set(this.#here(threadId));
    const isMissing = (userId: string): boolean =>
      !present.has(userId) && (except === undefined || userScope(userId) !== except);
    if (this.#isShared && audience.some(isMissing)) {
      try {
        for (const userId of await this.of(threadId)) present.add(userId);
      } catch (error) {
        if (status.isRunning) report(error);
      }
    }
    await inSlices(scheduler, new Set(audience.filter(isMissing)), (userId) =>
      this.#news.emit('undelivered', { userId, threadId, id }),
    );
  }

  /** Those of this process. */
  #here(threadId: string): readonly string[] {
    return [...new Set(this.#membersOf(threadId).flatMap(({ userId }) => userId ?? []))];
  }
}
