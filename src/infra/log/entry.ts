import type { Body } from '../../api/body.ts';
import type { DeliveryTally, Entry, EntryDraft, EntryKind, Frame, FrameClass, MessageTrace } from '../../api/entry.ts';
import { isBytes } from '../wire/bytes-body.ts';
import { BytesFrames } from '../wire/bytes-frames.ts';
import { encodeDeflatedFrame, encodeFrame } from '../wire/frames.ts';
import { IN_PARTS_ABOVE_BYTES, Parts } from '../wire/part-frames.ts';
import { noRareFields, rareFields, type RareFields } from './rare-fields.ts';
import type { Lane } from '../../api/message.ts';
import type { WindowBits } from '../../api/socket.ts';

/** An entry read from a shared log. */
export interface StoredDraft {
  readonly draft: EntryDraft;
  readonly offset: number;
  /** On this process's clock. */
  readonly loggedAt: number;
}

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

/** Frames besides that of a client that reads JSON, and parts. */
interface OtherFrames {
  plain?: Frame;
  ahead?: Frame;
  deflated?: Partial<Record<FrameClass, Partial<Record<WindowBits, Frame>>>>;
  /** For a message of bytes, which has no other frames. */
  bytes?: BytesFrames;
  parts?: Parts;
  binaryParts?: Parts;
}

class LoggedEntry implements Entry {
  readonly threadId: string;
  /** 1 for the first entry of an epoch; 0 for a volatile one, which is in no log. */
  readonly offset: number;
  readonly id: string;
  readonly lane: Lane;
  readonly body: Body;
  readonly kind: EntryKind;
  readonly expiresAt: number;
  readonly at: number;
  /** When it was logged, on the hub's clock. */
  readonly loggedAt: number;
  /** A newer entry with the same conflation key is in the log. */
  isSuperseded = false;
  /** Its fan-out is over: connections that receive it from now on are catching up. */
  isOffered = false;
  /** Replaced when the process takes over an entry that another process has published, and when the fan-out is over. */
  tally: DeliveryTally | undefined;
  #rare: RareFields | undefined;
  /** The frame of a client that reads JSON; once it rests, only its bytes. */
  #json: Frame | undefined;
  #jsonBytes: Uint8Array | undefined;
  #others: OtherFrames | undefined;

  constructor(draft: EntryDraft, offset: number, loggedAt: number, at: number) {
    this.threadId = draft.threadId;
    this.offset = offset;
    this.id = draft.id;
    this.lane = draft.lane;
    this.body = draft.body;
    this.kind = draft.kind ?? 'message';
    this.expiresAt = draft.expiresAt;
    this.tally = draft.tally;
    this.at = at;
    this.loggedAt = loggedAt;
    this.#rare = rareFields(draft);
    if (isBytes(draft.body)) this.#others = { bytes: new BytesFrames() };
  }

  get deflated(): ReadonlyMap<WindowBits, Body> | undefined {
    return this.#rare?.deflated;
  }

  get target(): string | undefined {
    return this.#rare?.target;
  }

  get targetOffset(): number | undefined {
    return this.#rare?.targetOffset;
  }

  set targetOffset(offset: number | undefined) {
    if (offset !== this.targetOffset) (this.#rare ??= noRareFields()).targetOffset = offset;
  }

  get isEdited(): boolean {
    return this.#rare?.isEdited === true;
  }

  get isShared(): boolean {
    return this.#rare?.isShared === true;
  }

  get except(): string | undefined {
    return this.#rare?.except;
  }

  set except(scope: string | undefined) {
    if (scope !== this.except) (this.#rare ??= noRareFields()).except = scope;
  }

  get key(): string | undefined {
    return this.#rare?.key;
  }

  get traceparent(): string | undefined {
    return this.#rare?.traceparent;
  }

  get trace(): MessageTrace | undefined {
    return this.#rare?.trace;
  }

  /** Replaced when the process takes over an entry that another process has published. */
  set trace(trace: MessageTrace | undefined) {
    if (trace !== this.trace) (this.#rare ??= noRareFields()).trace = trace;
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
    return (this.#other.parts ??= new Parts(this));
  }

  /** For clients that take bytes. */
  get binaryParts(): Parts {
    return this.#others?.bytes === undefined ? this.parts : (this.#others.binaryParts ??= new Parts(this, true));
  }

  /**
   * @param window the negotiated window; without it, or if compression does not make the message smaller, the frame is plain
   * @param takesBytes the client reads binary messages: one of bytes comes as such, not as base64
   */
  frame(frameClass: FrameClass, window?: WindowBits, takesBytes = false): Frame {
    const bytes = this.#others?.bytes;
    if (bytes !== undefined)
      return bytes.frame(this, frameClass, { window, takesBytes }, (header) => this.#header(header));
    const deflated = window === undefined ? undefined : this.deflated?.get(window);
    if (window !== undefined && deflated !== undefined) return this.#deflatedFrame(frameClass, window, deflated);
    if (frameClass === 'json') return (this.#json ??= this.#again() ?? this.#encode(frameClass));
    return (this.#other[frameClass] ??= this.#encode(frameClass));
  }

  rest(): void {
    const [piece, ...others] = this.#json?.pieces ?? [];
    // the pieces of a big one are of its body
    if (piece?.length !== 1 || others.length > 0) return;
    this.#jsonBytes = piece[0];
    this.#json = undefined;
  }

  /** Releases the log's reference: the entry must not be read after this. */
  release(): void {
    this.#json = undefined;
    this.#jsonBytes = undefined;
    const bytes = this.#others?.bytes;
    bytes?.clear();
    this.#others = bytes && { bytes };
    releaseDraft(this);
  }

  get #other(): OtherFrames {
    return (this.#others ??= {});
  }

  #again(): Frame | undefined {
    const bytes = this.#jsonBytes;
    return bytes && { pieces: [[bytes]], bytes: bytes.length, body: undefined };
  }

  #deflatedFrame(frameClass: FrameClass, window: WindowBits, deflated: Body): Frame {
    const known = (this.#other.deflated ??= {});
    const isFirst = Object.values(known).every((frames) => frames[window] === undefined);
    const frames = (known[frameClass] ??= {});
    return (frames[window] ??= encodeDeflatedFrame(...this.#envelope(frameClass, deflated), isFirst));
  }

  #encode(frameClass: FrameClass): Frame {
    const others = this.#others;
    const isJson = this.#json !== undefined || this.#jsonBytes !== undefined;
    const isFirst = !isJson && others?.plain === undefined && others?.ahead === undefined;
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
