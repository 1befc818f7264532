import type { WindowBits } from '../../api/socket.ts';
import type { Format } from '../../api/message.ts';

/** The kind of frames that a connection understands. */
export interface FrameVariant {
  readonly format: Format;
  /** The window for compressed frames, if the client accepts them. */
  readonly window: WindowBits | undefined;
  /** Messages of bytes come as binary ones, not as base64. */
  readonly takesBytes: boolean;
}

const variants = new Map<string, FrameVariant>();

/** One object for all connections that understand the same frames: they can be compared, and cost no memory each. */
export function frameVariantOf(format: Format, window: WindowBits | undefined, takesBytes = false): FrameVariant {
  const name = `${format} ${window ?? ''} ${takesBytes}`;
  let variant = variants.get(name);
  if (variant === undefined) variants.set(name, (variant = { format, window, takesBytes }));
  return variant;
}
