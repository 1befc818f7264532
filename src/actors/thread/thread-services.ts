import type { Connection } from '../../api/connection.ts';
import type { Entry } from '../../api/entry.ts';
import type { threadMachine } from '../../machines/index.ts';
import type { JoinedFrames } from '../delivery/joined-frames.ts';
import type { WriteBatch } from '../delivery/write-batch.ts';
import type { SerializerActor } from '../serializer/serializer.ts';
import type { StreamServices } from '../streams/stream-services.ts';

/** Reads what processes tell each other in the logs of threads. */
export interface NoticePort {
  /** Another process, or this one, has logged a notice. */
  onNotice(notice: Entry): void;
  /** The log has trimmed entries of a user's thread before this process could read them. */
  onMissed(members: readonly Connection[]): void;
}

/** A message for which the application has named an audience. */
export interface Aimed {
  readonly threadId: string;
  readonly id: string;
  /** User ids. */
  readonly audience: readonly string[];
  /** The scope of those who do not get it. */
  readonly except: string | undefined;
}

/** The users in threads. */
export interface AudiencePort {
  /** The users with a connection in the thread, in all processes. */
  of(threadId: string): Promise<readonly string[]>;
  /** The message was offered: notifies the application of those who have no connection in the thread. */
  delivered(message: Aimed): void;
}

/** What threads need from the hub. */
export interface ThreadServices extends StreamServices {
  readonly serializer: SerializerActor;
  readonly joinedFrames: JoinedFrames;
  readonly batch: WriteBatch;
  /** The scope of a connection, and of its client on other connections, as far as this process knows them. */
  readonly scopeOfConnection: (connectionId: string) => string;
  /** The machine with its effects; `launch` tells them the hub. */
  readonly machine: typeof threadMachine;
  readonly notices: NoticePort;
  readonly users: AudiencePort;
  /** The thread has closed. */
  readonly forgetThread: (threadId: string) => void;
}
