import type { Connection } from '../../api/connection.ts';
import type { MaybePromise } from '../../api/message.ts';
import type { ChunkFollower, FollowedStream, Peer } from '../../api/protocol.ts';
import { assertThreadId } from '../../infra/log/ids.ts';
import { encodeText } from '../../infra/wire/frames.ts';
import { ChunkView } from '../streams/chunk-view.ts';
import type { SessionParts } from './session-parts.ts';
import type { ConnectionServices } from './connection-services.ts';

/** A connection with another protocol, as that protocol uses it. */
export class ProtocolPeer implements Peer {
  readonly #parts: SessionParts;
  readonly #services: ConnectionServices;
  readonly pay: (points: number) => boolean;

  constructor(parts: SessionParts, services: ConnectionServices, pay: (points: number) => boolean) {
    this.#parts = parts;
    this.#services = services;
    this.pay = pay;
  }

  get connection(): Connection {
    return this.#parts.connection;
  }

  get session(): object {
    return this.#parts.settings.session;
  }

  get hasOtherNodes(): boolean {
    return this.#services.settings.log.notify !== undefined;
  }

  say(text: string): void {
    this.#parts.line.say(encodeText(text));
  }

  evict(code: number, reason: string): void {
    this.#parts.connection.close(code, reason);
  }

  report(error: unknown): void {
    this.#services.report(error);
  }

  async enter(threadId: string): Promise<boolean> {
    assertThreadId(threadId);
    const { subscriptions } = this.#parts;
    if (subscriptions.get(threadId) !== undefined) return true;
    return subscriptions.joinIf(() => true, threadId, undefined, {});
  }

  streams(threadId: string): readonly FollowedStream[] {
    const streams = this.#parts.subscriptions.get(threadId)?.streams?.chunked ?? [];
    return streams.map(({ id, isOver, traceparent, content: { length, codec } }) => ({
      id,
      isOver,
      traceparent,
      length,
      codec,
    }));
  }

  follow(
    threadId: string,
    streamId: string,
    follower: ChunkFollower,
    except?: readonly [from: number, to: number],
  ): (() => void) | undefined {
    const { subscriptions, line } = this.#parts;
    const subscription = subscriptions.get(threadId);
    const views = subscription?.views;
    const stream = subscription?.streams?.chunked.find(({ id }) => id === streamId);
    if (subscription === undefined || views === undefined || stream === undefined) return undefined;
    const view = new ChunkView(stream, follower, except);
    views.add(view);
    if (view.isOwed) subscriptions.fellBehind(subscription, line.writer.admit('message'));
    return () => views.delete(view);
  }

  cancel(threadId: string, streamId: string): MaybePromise<boolean> {
    const { id, userId } = this.#parts.settings;
    return this.#parts.subscriptions.cancelStream(threadId, streamId, { connectionId: id, userId });
  }

  leave(threadId: string): void {
    this.#parts.subscriptions.leave(threadId, 'left');
  }
}
