import type { Body } from '../../api/body.ts';
import type { Frame, FrameClass } from '../../api/entry.ts';
import type { WindowBits } from '../../api/socket.ts';
import { BASE64_FIELDS, withoutMark } from './bytes-body.ts';
import { asciiJson, encodeBase64, encodeChunks, encodeDeflatedFrame, encodeFrame } from './frames.ts';

/** The message whose frames they are. */
interface Envelope {
  readonly body: Body;
  readonly deflated: ReadonlyMap<WindowBits, Body> | undefined;
}

/** Slots for frames that are not compressed: three classes as text, then as binary messages. */
const SLOTS = { json: 0, ahead: 1, plain: 2 } as const satisfies Record<FrameClass, number>;
const BINARY = 3;
const PER_WINDOW = 6;

/**
 * The frames of a message that is bytes, each encoded once: a binary message for clients that take bytes, the bare bytes for `plain`
 * connections, and base64 for clients that read text only.
 */
export class BytesFrames {
  readonly #frames = new Map<number, Frame>();

  /** @param header the fields of the envelope in this class, up to the brace that ends it */
  frame(
    envelope: Envelope,
    frameClass: FrameClass,
    { window, takesBytes }: { readonly window: WindowBits | undefined; readonly takesBytes: boolean },
    header: (frameClass: FrameClass) => string,
  ): Frame {
    const isBinary = takesBytes && frameClass !== 'plain';
    const deflated = isBinary && window !== undefined ? envelope.deflated?.get(window) : undefined;
    const base = deflated === undefined || window === undefined ? 0 : window * PER_WINDOW;
    const slot = base + SLOTS[frameClass] + (isBinary ? BINARY : 0);
    const known = this.#frames.get(slot);
    if (known !== undefined) return known;
    const body = deflated ?? envelope.body;
    const isFirst = !this.#frames.has(base + BINARY + SLOTS.json) && !this.#frames.has(base + BINARY + SLOTS.ahead);
    const frame = encoded(body, frameClass, isBinary, { isFirst, isDeflated: deflated !== undefined }, header);
    this.#frames.set(slot, frame);
    return frame;
  }

  clear(): void {
    this.#frames.clear();
  }
}

function encoded(
  body: Body,
  frameClass: FrameClass,
  isBinary: boolean,
  { isFirst, isDeflated }: { readonly isFirst: boolean; readonly isDeflated: boolean },
  header: (frameClass: FrameClass) => string,
): Frame {
  if (frameClass === 'plain') return encodeChunks(withoutMark(body.chunks), body);
  if (!isBinary) return encodeBase64(`${header(frameClass)},${BASE64_FIELDS}"d":"`, body, '"}');
  const prefix = asciiJson(`${header(frameClass)}}`);
  return isDeflated
    ? encodeDeflatedFrame(prefix, body, '', isFirst, 'binary')
    : encodeFrame(prefix, body, '', isFirst, 'binary');
}
