import type { Body } from '../../api/body.ts';
import { WORTHWHILE, type DeflateBody } from '../../infra/wire/deflate.ts';
import type { Filled } from '../../infra/option-checks.ts';
import type { Encoded } from '../serializer/encoded-message.ts';
import type { WindowBits } from '../../api/socket.ts';
import type { CompressionOptions } from '../../api/options.ts';

/** The window sizes that the members of a thread understand. */
export class Windows {
  /** None before the first member: most threads of a node that only sends have none. */
  #counts: Map<WindowBits, number> | undefined;

  get all(): readonly WindowBits[] {
    return this.#counts === undefined || this.#counts.size === 0 ? NONE : [...this.#counts.keys()];
  }

  add(window: WindowBits | undefined): void {
    if (window === undefined) return;
    this.#counts ??= new Map();
    this.#counts.set(window, (this.#counts.get(window) ?? 0) + 1);
  }

  delete(window: WindowBits | undefined): void {
    if (window === undefined || this.#counts === undefined) return;
    const count = this.#counts.get(window) ?? 0;
    if (count > 1) this.#counts.set(window, count - 1);
    else this.#counts.delete(window);
  }
}

const NONE: readonly WindowBits[] = [];

/**
 * Compresses the message's body once for each window size, off the event loop. If it is not worthwhile, or zlib fails, the message is sent
 * plain: compression never prevents a delivery.
 */
export async function compress(
  encoded: Encoded,
  windows: readonly WindowBits[],
  { level }: Pick<Filled<CompressionOptions>, 'level'>,
  deflate: DeflateBody,
): Promise<Encoded> {
  const { body } = encoded;
  const bodies = await Promise.all(
    windows.map(async (window) => [window, await deflate(body, window, level).catch(() => undefined)] as const),
  );
  const deflated = new Map<WindowBits, Body>();
  for (const [window, small] of bodies) {
    if (small !== undefined && small.bytes < body.bytes * WORTHWHILE) deflated.set(window, small);
    else small?.release();
  }
  return deflated.size === 0 ? encoded : { ...encoded, deflated };
}
