import type { Body } from '../../api/body.ts';
import { encodeDeflatedFrame, encodeFrame, type Frame } from '../wire/frames.ts';
import { MessageTrace } from '../telemetry/message-trace.ts';
import { IN_PARTS_ABOVE_BYTES, Parts } from '../wire/part-frames.ts';
import type { Format } from '../../api/message.ts';
import type { Lane } from '../../api/message.ts';
import type { WindowBits } from '../../api/socket.ts';

export const LANES: readonly Lane[] = ['critical', 'normal', 'volatile'];

/** `ahead` is a critical entry that overtakes: same message, but it does not move the client's position. */
export type FrameClass = Format | 'ahead';

/** A message that is ready to be logged. */
export interface EntryDraft {
  readonly threadId: string;
  readonly id: string;
  readonly lane: Lane;
  readonly body: Body;
  /** The body compressed, for each window size that a connection of the thread has negotiated. */
  readonly deflated?: ReadonlyMap<WindowBits, Body> | undefined;
  /** Conflation key: a newer entry with the same key supersedes this one. */
  readonly key?: string | undefined;
  /** When it stops being worth delivering, on the hub's clock; Infinity for never. */
  readonly expiresAt: number;
  /** The publish span, where it is recorded. */
  readonly trace?: MessageTrace | undefined;
  /** The same as text, for the envelope and for other processes: a log that is shared carries it along. */
  readonly traceparent?: string | undefined;
}

/** Gives back the bodies of a draft that is not logged. */
export function releaseDraft({ body, deflated }: EntryDraft): void {
  body.release();
  for (const small of deflated?.values() ?? []) small.release();
}

/** Is told what a count does not tell: who was written to late, and who was passed over. */
export interface DeliveryWatcher {
  noteLate(reader: object): void;
  noteSkipped(reader: object): void;
}

/** One message in the log, with its frames, each encoded once for all connections that want it. */
export class Entry implements EntryDraft {
  readonly threadId: string;
  /** 1 for the first of an epoch; 0 for a volatile one, which is in no log. */
  readonly offset: number;
  readonly id: string;
  readonly lane: Lane;
  readonly body: Body;
  readonly deflated: ReadonlyMap<WindowBits, Body> | undefined;
  readonly key: string | undefined;
  readonly expiresAt: number;
  /** Replaced where the process takes over an entry that another one has published. */
  trace: MessageTrace | undefined;
  readonly traceparent: string | undefined;
  /** When it was logged, on the hub's clock. */
  readonly loggedAt: number;
  /** A newer entry with the same conflation key is in the log. */
  isSuperseded = false;
  /** Its fan-out is over: whoever gets it from now on is catching up. */
  isOffered = false;
  /** Whoever follows the message to its end; weak, because the log lives longer than most receipts. */
  watcher: WeakRef<DeliveryWatcher> | undefined;
  /** Connections it was written to. */
  writes = 0;
  #frames: Partial<Record<FrameClass, Frame>> = {};
  #parts: Parts | undefined;
  #deflatedFrames: Partial<Record<FrameClass, Partial<Record<WindowBits, Frame>>>> = {};

  constructor(draft: EntryDraft, offset: number, loggedAt: number) {
    this.threadId = draft.threadId;
    this.offset = offset;
    this.id = draft.id;
    this.lane = draft.lane;
    this.body = draft.body;
    this.deflated = draft.deflated;
    this.key = draft.key;
    this.expiresAt = draft.expiresAt;
    this.trace = draft.trace ?? MessageTrace.from(draft.traceparent);
    this.traceparent = draft.traceparent;
    this.loggedAt = loggedAt;
  }

  /** Bytes that it holds in the log, compressed ones included. */
  get bytes(): number {
    let bytes = this.body.bytes;
    if (this.deflated !== undefined) for (const body of this.deflated.values()) bytes += body.bytes;
    return bytes;
  }

  /** False where nobody who is behind needs it any more. */
  isDeliverable(now: number): boolean {
    return !this.isSuperseded && now < this.expiresAt;
  }

  /** Big enough to go out in parts. */
  get isInParts(): boolean {
    return this.body.bytes > IN_PARTS_ABOVE_BYTES;
  }

  get parts(): Parts {
    return (this.#parts ??= new Parts(this));
  }

  /** @param window what the connection has negotiated; without it, or where the message is not worth it, the frame is plain */
  frame(frameClass: FrameClass, window?: WindowBits): Frame {
    const deflated = window === undefined ? undefined : this.deflated?.get(window);
    if (window === undefined || deflated === undefined) return (this.#frames[frameClass] ??= this.#encode(frameClass));
    const frames = (this.#deflatedFrames[frameClass] ??= {});
    return (frames[window] ??= this.#encode(frameClass, deflated));
  }

  /** The log's reference: the entry is not to be read after this. */
  release(): void {
    this.#frames = {};
    this.#deflatedFrames = {};
    this.#parts = undefined;
    releaseDraft(this);
  }

  #encode(frameClass: FrameClass, deflated?: Body): Frame {
    const offset = this.offset === 0 ? '' : `"o":${this.offset},`;
    const ahead = frameClass === 'ahead' ? '"ahead":true,' : '';
    const traceparent = this.traceparent === undefined ? '' : `"tp":"${this.traceparent}",`;
    // ids and the traceparent are of characters that JSON does not escape
    const envelope = `{"t":"msg","th":"${this.threadId}",${offset}${ahead}"id":"${this.id}",${traceparent}"d":`;
    const [prefix, suffix] = frameClass === 'plain' ? ['', ''] : [envelope, '}'];
    return deflated === undefined
      ? encodeFrame(prefix, this.body, suffix)
      : encodeDeflatedFrame(prefix, deflated, suffix);
  }
}
