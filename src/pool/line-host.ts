import type { AckQueue } from '../client/ack-queue.ts';
import { encodeRequest, type Request } from '../client/frames.ts';
import type { JoinQueue } from '../client/join-queue.ts';
import type { ClientSettings } from '../client/options.ts';
import type { ThreadHost } from '../client/thread-host.ts';
import type { JoinedThread } from '../client/thread.ts';
import type { HubLine } from './hub-line.ts';

/** What threads share, whichever line they use. */
export interface RouteHost {
  readonly threadSettings: ClientSettings;
  /** For threads without a line: nothing leaves them. */
  readonly parked: { readonly joins: JoinQueue; readonly acks: AckQueue };
  isFirst(id: string, threadId: string, isGiven: boolean): boolean;
  request(threadId: string, id: string, text: string, timeoutMs?: number): Promise<unknown>;
  report(error: unknown): void;
}

/** What joins of a thread need: over the line that the thread uses now. */
export abstract class LineHost implements ThreadHost {
  hasHistory = false;
  protected readonly host: RouteHost;
  #line: HubLine | undefined;

  constructor(host: RouteHost, line?: HubLine) {
    this.host = host;
    this.line = line;
  }

  get line(): HubLine | undefined {
    return this.#line;
  }

  protected set line(line: HubLine | undefined) {
    this.#line = line;
    this.hasHistory = line?.hasHistory ?? this.hasHistory;
  }

  get settings(): ClientSettings {
    return this.host.threadSettings;
  }

  get joins(): JoinQueue {
    return this.#line?.joins ?? this.host.parked.joins;
  }

  get acks(): AckQueue {
    return this.#line?.acks ?? this.host.parked.acks;
  }

  send(request: Request): void {
    this.#line?.send(encodeRequest(request));
  }

  isFirst(id: string, threadId: string, isGiven: boolean): boolean {
    return this.host.isFirst(id, threadId, isGiven);
  }

  request(
    threadId: string,
    id: string,
    text: string,
    { timeoutMs }: { readonly timeoutMs?: number },
  ): Promise<unknown> {
    return this.host.request(threadId, id, text, timeoutMs);
  }

  report(error: unknown): void {
    this.host.report(error);
  }

  abstract joinsOf(threadId: string): readonly JoinedThread[];

  abstract delete(thread: JoinedThread): void;
}
