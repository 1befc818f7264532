/** Globals of a page: a server has none of them. */
interface Page {
  readonly setTimeout: typeof setTimeout;
  requestAnimationFrame?(run: () => void): number;
  cancelAnimationFrame?(frame: number): void;
  readonly document?: { readonly visibilityState?: string };
}

const page: Page = globalThis;

/** Joins many changes into one notification for each frame of the page, so that a burst of messages is one render. */
export class FrameBatch {
  readonly #notify: () => void;
  #cancel: (() => void) | undefined;

  constructor(notify: () => void) {
    this.#notify = notify;
  }

  /** Something has changed. */
  schedule(): void {
    this.#cancel ??= nextFrame(() => {
      this.#cancel = undefined;
      this.#notify();
    });
  }

  /** Notifies now: the user has done something and must see it. */
  flush(): void {
    this.cancel();
    this.#notify();
  }

  cancel(): void {
    this.#cancel?.();
    this.#cancel = undefined;
  }
}

/** A frame at 60 Hz. */
const FRAME_MS = 16;

/** Hidden pages and servers have no frames. */
function nextFrame(run: () => void): () => void {
  if (page.requestAnimationFrame !== undefined && page.document?.visibilityState === 'visible') {
    const frame = page.requestAnimationFrame(run);
    return () => page.cancelAnimationFrame?.(frame);
  }
  const timer = setTimeout(run, FRAME_MS);
  return () => clearTimeout(timer);
}
