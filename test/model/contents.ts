import { preencoded, streamArray } from '../../src/index.ts';

/** How big a message is, and with that the way that it takes through the serializer. */
export type Content = 'small' | 'joined' | 'single' | 'fragmented' | 'big' | 'gated';

const SIZES = { small: 0, joined: 9_000, single: 60_000, fragmented: 520_000 };

const PAD = Buffer.alloc(250_000, 'x');

/** Makes messages, all of which contain their number, and holds back those of which a part is still to come. */
export class Contents {
  /** Those made of bytes: the maker's own references to them. */
  readonly bodies: { readonly isAlive: boolean; release(): void }[] = [];
  readonly #gates: (() => void)[] = [];

  make(content: Content, n: number): unknown {
    if (content === 'big')
      return this.#bytes(Buffer.from(`{"n":${n},"pad":"`), PAD, PAD, PAD, PAD, PAD, Buffer.from('"}'));
    if (content === 'gated') return { n, rows: streamArray(this.#rows()) };
    const size = SIZES[content];
    return size === 0 ? { n } : { n, pad: 'x'.repeat(size) };
  }

  /** A small one, of which can be seen whether its memory is given back. */
  makeBytes(n: number): unknown {
    return this.#bytes(Buffer.from(`{"n":${n}}`));
  }

  /** The oldest message that waits for its source goes on; false where none waits. */
  openGate(): boolean {
    const gate = this.#gates.shift();
    gate?.();
    return gate !== undefined;
  }

  /** Gives up the maker's references: how many bodies are held by somebody else. */
  releaseAll(): number {
    for (const body of this.bodies) body.release();
    return this.bodies.filter(({ isAlive }) => isAlive).length;
  }

  #bytes(...chunks: Uint8Array[]): unknown {
    const message = preencoded(chunks);
    this.bodies.push(message.body);
    return message;
  }

  async *#rows(): AsyncGenerator<number> {
    yield 1;
    await new Promise<void>((resolve) => void this.#gates.push(resolve));
    yield 2;
  }
}
