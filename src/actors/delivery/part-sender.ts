import type { DeflatedEntryParts, Entry, EntryParts } from '../../api/entry.ts';
import type { Clearance } from './clearance.ts';
import type { Subscriber } from './subscriber.ts';
import type { WindowBits } from '../../api/socket.ts';

/** The client receives big messages in parts. */
export interface PartsRequest {
  /** A message that the client already has a part of: the parts before `next`, out of `of`. */
  readonly unfinished: UnfinishedMessage | undefined;
}

interface UnfinishedMessage {
  readonly offset: number;
  readonly id: string;
  readonly next: number;
  readonly of: number;
}

/** The form in which one client gets parts. */
export interface PartsForm {
  readonly takesBytes: boolean;
  /** Undefined for parts that are not compressed. */
  readonly window: WindowBits | undefined;
  readonly level: number;
}

/** Sends one big entry to one client in parts: a cursor within the entry, which keeps its body alive until `end`. */
export class PartSender {
  readonly entry: Entry;
  readonly #parts: EntryParts;
  readonly #deflated: DeflatedEntryParts | undefined;
  readonly #onReady: () => void;
  #next: number;
  /** A part that was not ready when it was asked for, and now is. */
  #ready: Uint8Array | undefined;
  #isAwaited = false;
  #hasEnded = false;

  /**
   * @param unfinished parts that the client already has are not sent again, if they were cut in the same way
   * @param onReady called when the part that `write` had to wait for is ready; never called after `end`
   */
  constructor(entry: Entry, { unfinished }: PartsRequest, form: PartsForm, onReady: () => void) {
    const { takesBytes, window, level } = form;
    this.entry = entry;
    this.#onReady = onReady;
    this.#parts = takesBytes ? entry.binaryParts : entry.parts;
    this.#parts.enter();
    this.#deflated = window && this.#parts.deflated(window, level);
    const { offset, id, next = 0, of } = unfinished ?? {};
    // what the client has of it may be of another version
    const isKnown =
      !entry.isEdited && offset === entry.offset && id === entry.id && of === this.#parts.count && next < of;
    this.#next = isKnown ? next : 0;
  }

  /** All parts have been written. */
  get isDone(): boolean {
    return this.#next === this.#parts.count;
  }

  /** Writes the next part if the subscriber admits one and it is ready; otherwise returns when to try again. */
  write(subscriber: Pick<Subscriber<unknown>, 'writer' | 'admitPart' | 'followPart'>): Clearance {
    const clearance = subscriber.admitPart();
    if (clearance !== 'now') return clearance;
    const part = this.#take();
    if (part === undefined) return 'signal';
    subscriber.writer.writeRun(part, this.isDone ? 1 : 0);
    subscriber.followPart(this.entry, this.isDone);
    return 'now';
  }

  end(): void {
    this.#hasEnded = true;
    this.#parts.leave();
  }

  /** The frame of the next part; undefined while it is being compressed. */
  #take(): Uint8Array | undefined {
    const frame = this.#ready ?? this.#read();
    if (frame === undefined) return undefined;
    this.#ready = undefined;
    this.#next++;
    return frame;
  }

  #read(): Uint8Array | undefined {
    if (this.#deflated === undefined) return this.#parts.frame(this.#next);
    if (this.#isAwaited) return undefined;
    const frame = this.#deflated.frame(this.#next, (ready) => {
      this.#isAwaited = false;
      if (this.#hasEnded) return;
      this.#ready = ready;
      this.#onReady();
    });
    this.#isAwaited = frame === undefined;
    return frame;
  }
}
