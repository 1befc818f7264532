import type { threadMachine } from '../../machines/index.ts';
import type { JoinedFrames } from '../delivery/joined-frames.ts';
import type { WriteBatch } from '../delivery/write-batch.ts';
import type { SerializerActor } from '../serializer/serializer.ts';
import type { StreamServices } from '../streams/stream-services.ts';

/** What threads need from the hub. */
export interface ThreadServices extends StreamServices {
  readonly serializer: SerializerActor;
  readonly joinedFrames: JoinedFrames;
  readonly batch: WriteBatch;
  /** The machine with this hub's effects, provided once: providing costs as much as building a machine. */
  readonly machine: typeof threadMachine;
  /** The thread has closed. */
  readonly forgetThread: (threadId: string) => void;
}
