import type { Link, LinkListener } from '../../../src/index.ts';

/** The hub over nothing: all that is written has arrived. What remains is our own JavaScript. */
export function discardLink(): (listener: LinkListener) => Link {
  return (listener) => {
    let takenBytes = 0;
    return {
      unsentBytes: 0,
      get takenBytes() {
        return takenBytes;
      },
      write(piece) {
        for (const part of piece) takenBytes += part.length;
      },
      cork: () => {},
      uncork: () => {},
      ping: (seq) => queueMicrotask(() => listener.onPong(seq)),
      close: (code, reason) => queueMicrotask(() => listener.onClose(code, reason)),
      terminate: () => queueMicrotask(() => listener.onClose(1006, '')),
    };
  };
}
