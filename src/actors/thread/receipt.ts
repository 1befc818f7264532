import { formatPosition } from '../../infra/log/ids.ts';
import type { SpanAttributes } from '../../infra/telemetry/spans.ts';
import type { Engine } from '../hub/context.ts';
import type { FanOutTally } from '../delivery/fan-out-tally.ts';
import { settle, type SettleOptions, type Settlement } from './delivery-outcomes.ts';

/** The answer to a `send`: it has been logged and offered to every connection of the thread. */
export interface Receipt {
  /** Id of the message, the same in every client; the idempotency key where one was given. */
  readonly id: string;
  /** Where the thread's log stands after it, `epoch.offset.id`; undefined for a volatile message, which is not logged. */
  readonly position: string | undefined;
  /** Bytes of the message's JSON. */
  readonly bytes: number;
  /** How it was serialized: `inline`, `sliced`, `snapshot`, `pooled` or `ready`. */
  readonly strategy: string;
  /** The idempotency key was known: nothing was sent again, the position is the first one's. */
  readonly isDuplicate: boolean;
  /** Connections in the thread when it was offered. */
  readonly recipients: number;
  /** Handed to the connection's socket. */
  readonly written: number;
  /** The connection takes nothing now, or takes a big message in parts: it gets the message, or the rest of it, from the log. */
  readonly behind: number;
  /** Volatile and the connection was busy, or superseded or expired before it could be offered. */
  readonly dropped: number;
  /** How it ended for each connection; resolves in bounded time, `settleTimeoutMs` at most. */
  settled(options?: SettleOptions): Promise<Settlement>;
}

export function makeReceipt(publication: FanOutTally, engine: Engine): Receipt {
  const { entry, epoch, strategy } = publication;
  return {
    id: entry.id,
    position: entry.offset === 0 ? undefined : formatPosition({ epoch, offset: entry.offset, id: entry.id }),
    bytes: entry.body.bytes,
    strategy,
    isDuplicate: publication.isDuplicate,
    recipients: publication.recipients,
    written: publication.written,
    behind: publication.behind.length,
    dropped: publication.dropped,
    settled: (options) => settle(publication, engine, options),
  };
}

/** What a receipt says, as attributes of the publish span. */
export function attributesOf({ entry, strategy, recipients, written, behind, dropped }: FanOutTally): SpanAttributes {
  return {
    'threadcast.message.id': entry.id,
    'threadcast.message.offset': entry.offset,
    'threadcast.bytes': entry.body.bytes,
    'threadcast.strategy': strategy,
    'threadcast.recipients': recipients,
    'threadcast.written': written,
    'threadcast.behind': behind.length,
    'threadcast.dropped': dropped,
  };
}
