import type { Body } from '../../api/body.ts';
import type { DeliveryTally, Entry, EntryDraft, EntryKind, Frame, FrameClass, MessageTrace } from '../../api/entry.ts';
import { isBytes } from '../wire/bytes-body.ts';
import { BytesFrames } from '../wire/bytes-frames.ts';
import { encodeDeflatedFrame, encodeFrame } from '../wire/frames.ts';
import { RecordedTrace } from '../telemetry/message-trace.ts';
import { IN_PARTS_ABOVE_BYTES, Parts } from '../wire/part-frames.ts';
import type { Lane } from '../../api/message.ts';
import type { WindowBits } from '../../api/socket.ts';

export const LANES: readonly Lane[] = ['critical', 'normal', 'volatile'];

/** Releases the bodies of a draft that is not logged. */
export function releaseDraft({ body, deflated }: Pick<EntryDraft, 'body' | 'deflated'>): void {
  body.release();
  for (const small of deflated?.values() ?? []) small.release();
}

/**
 * Memory of an entry besides its message's bytes: the object, its frame, its ids and its slots in the log's indexes (measured:
 * test/log/footprint.long.test.ts).
 */
export const ENTRY_BYTES = 1_024;

/** Memory that a log will hold for this message. A small body is part of its frame, so it counts once. */
export function heldBytesOf({ body, deflated }: Pick<EntryDraft, 'body' | 'deflated'>): number {
  let bytes = ENTRY_BYTES + memoryOf(body);
  if (deflated !== undefined) for (const small of deflated.values()) bytes += memoryOf(small);
  return bytes;
}

const memoryOf = ({ heldBytes, bytes }: Body): number => heldBytes ?? bytes;

/**
 * Creates the entry of a draft and takes over the draft's references to its bodies.
 * @param loggedAt on the hub's clock
 * @param at the same moment in milliseconds since 1970
 */
export function makeEntry(draft: EntryDraft, offset: number, loggedAt: number, at = draft.at ?? Date.now()): Entry {
  return new LoggedEntry(draft, offset, loggedAt, at);
}

class LoggedEntry implements Entry {
  readonly threadId: string;
  /** 1 for the first entry of an epoch; 0 for a volatile one, which is in no log. */
  readonly offset: number;
  readonly id: string;
  readonly lane: Lane;
  readonly body: Body;
  readonly deflated: ReadonlyMap<WindowBits, Body> | undefined;
  readonly kind: EntryKind;
  readonly target: string | undefined;
  targetOffset: number | undefined;
  readonly isEdited: boolean;
  readonly isShared: boolean;
  except: string | undefined;
  readonly key: string | undefined;
  readonly expiresAt: number;
  /** Replaced when the process takes over an entry that another process has published. */
  trace: MessageTrace | undefined;
  readonly traceparent: string | undefined;
  readonly at: number;
  /** When it was logged, on the hub's clock. */
  readonly loggedAt: number;
  /** A newer entry with the same conflation key is in the log. */
  isSuperseded = false;
  /** Its fan-out is over: connections that receive it from now on are catching up. */
  isOffered = false;
  /** Replaced likewise, and when the fan-out is over. */
  tally: DeliveryTally | undefined;
  /** Created on demand: with a hundred thousand entries, each field counts. */
  #json: Frame | undefined;
  #plain: Frame | undefined;
  #ahead: Frame | undefined;
  #deflatedFrames: Partial<Record<FrameClass, Partial<Record<WindowBits, Frame>>>> | undefined;
  /** Set for a message of bytes, which has no other frames. */
  readonly #bytes: BytesFrames | undefined;
  #parts: Parts | undefined;
  #binaryParts: Parts | undefined;

  constructor(draft: EntryDraft, offset: number, loggedAt: number, at: number) {
    this.threadId = draft.threadId;
    this.offset = offset;
    this.id = draft.id;
    this.lane = draft.lane;
    this.body = draft.body;
    this.deflated = draft.deflated;
    this.kind = draft.kind ?? 'message';
    this.target = draft.target;
    this.isEdited = draft.isEdited === true;
    this.isShared = draft.isShared === true;
    this.except = draft.except;
    this.key = draft.key;
    this.expiresAt = draft.expiresAt;
    this.trace = draft.trace ?? RecordedTrace.from(draft.traceparent);
    this.traceparent = draft.traceparent;
    this.tally = draft.tally;
    this.at = at;
    this.loggedAt = loggedAt;
    this.#bytes = isBytes(draft.body) ? new BytesFrames() : undefined;
  }

  /**
   * Memory that the log holds for it: its bytes, compressed ones included, and the overhead of the entry. A superseded entry counts only
   * its slot in the order.
   */
  get heldBytes(): number {
    return this.isSuperseded ? ENTRY_BYTES : heldBytesOf(this);
  }

  /** False if no connection that is behind needs it any more. */
  isDeliverable(now: number): boolean {
    return !this.isSuperseded && now < this.expiresAt;
  }

  /** Big enough to be sent in parts. */
  get isInParts(): boolean {
    return this.body.bytes > IN_PARTS_ABOVE_BYTES;
  }

  get parts(): Parts {
    return (this.#parts ??= new Parts(this));
  }

  /** For clients that take bytes. */
  get binaryParts(): Parts {
    return this.#bytes === undefined ? this.parts : (this.#binaryParts ??= new Parts(this, true));
  }

  /**
   * @param window the negotiated window; without it, or if compression does not make the message smaller, the frame is plain
   * @param takesBytes the client reads binary messages: one of bytes comes as such, not as base64
   */
  frame(frameClass: FrameClass, window?: WindowBits, takesBytes = false): Frame {
    if (this.#bytes !== undefined)
      return this.#bytes.frame(this, frameClass, { window, takesBytes }, (header) => this.#header(header));
    const deflated = window === undefined ? undefined : this.deflated?.get(window);
    if (window !== undefined && deflated !== undefined) return this.#deflatedFrame(frameClass, window, deflated);
    if (frameClass === 'json') return (this.#json ??= this.#encode(frameClass));
    if (frameClass === 'plain') return (this.#plain ??= this.#encode(frameClass));
    return (this.#ahead ??= this.#encode(frameClass));
  }

  /** Releases the log's reference: the entry must not be read after this. */
  release(): void {
    this.#json = undefined;
    this.#plain = undefined;
    this.#ahead = undefined;
    this.#deflatedFrames = undefined;
    this.#parts = undefined;
    this.#binaryParts = undefined;
    this.#bytes?.clear();
    releaseDraft(this);
  }

  #deflatedFrame(frameClass: FrameClass, window: WindowBits, deflated: Body): Frame {
    const isFirst = Object.values(this.#deflatedFrames ?? {}).every((frames) => frames[window] === undefined);
    const frames = ((this.#deflatedFrames ??= {})[frameClass] ??= {});
    return (frames[window] ??= encodeDeflatedFrame(...this.#envelope(frameClass, deflated), isFirst));
  }

  #encode(frameClass: FrameClass): Frame {
    const isFirst = this.#json === undefined && this.#plain === undefined && this.#ahead === undefined;
    return encodeFrame(...this.#envelope(frameClass, this.body), isFirst);
  }

  #envelope(frameClass: FrameClass, body: Body): readonly [string, Body, string] {
    if (frameClass === 'plain') return ['', body, ''];
    return this.kind === 'remove'
      ? [`${this.#header(frameClass)}}`, body, '']
      : [`${this.#header(frameClass)},"d":`, body, '}'];
  }

  /** The fields before the data. */
  #header(frameClass: FrameClass): string {
    const threadId = JSON.stringify(this.threadId);
    if (this.kind === 'remove')
      return `{"t":"removed","th":${threadId},"o":${this.offset},"id":"${this.id}","re":"${this.target}"`;
    const offset = this.offset === 0 ? '' : `"o":${this.offset},`;
    const ahead = frameClass === 'ahead' ? '"ahead":true,' : '';
    const re = this.target === undefined ? '' : `,"re":"${this.target}"`;
    const many = this.isShared ? ',"many":true' : '';
    const traceparent = this.traceparent === undefined ? '' : `,"tp":"${this.traceparent}"`;
    // the other ids and the traceparent consist of characters that JSON does not escape
    return `{"t":"msg","th":${threadId},${offset}${ahead}"id":"${this.id}","ts":${this.at}${re}${many}${traceparent}`;
  }
}
