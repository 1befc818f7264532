import { allMessages } from '../support/all-messages.ts';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { expect, onTestFinished, test } from 'vitest';
import { connect, type ClientStream, type Message } from '../../src/client/index.ts';
import { memoryLog, type TokenStream } from '../../src/index.ts';
import { startCuttingProxy } from '../support/cutting-proxy.ts';
import { mulberry32 } from '../support/random.ts';
import { seed } from '../support/tier.ts';
import { serveWs } from '../support/ws-server.ts';

const CUTS = 500;
const CLIENTS = 4;
const STREAMS = 3;

/** Text as models write it, with characters of two units, quotes and what JSON escapes. */
const WORDS = ['token ', 'the', ' \u{1F680}', '"', '\n', 'na\u00EFve ', '\u{1F469}\u200D\u{1F4BB} ', '\\', '日本 '];

/** What one client has seen. */
class Witness {
  readonly messages: Message[] = [];
  readonly streams: ClientStream[] = [];
  /** What their iterators gave, by stream. */
  readonly read = new Map<string, string>();
  readonly #readers: Promise<void>[] = [];
  gaps = 0;

  note(stream: ClientStream): void {
    this.streams.push(stream);
    this.#readers.push(this.#read(stream));
  }

  async #read(stream: ClientStream): Promise<void> {
    for await (const text of stream) this.read.set(stream.id, (this.read.get(stream.id) ?? '') + text);
  }

  async done(): Promise<void> {
    await Promise.all(this.#readers);
  }
}

test(`whatever is cut, every client has every message and every text (seed ${seed})`, async () => {
  const random = mulberry32(seed);
  const below = (limit: number): number => Math.floor(random() * limit);
  const log = memoryLog({ maxEntries: 100_000 });
  const server = await serveWs({ hub: { log, streams: { windowMs: 2 } } });
  // the handshake alone takes about 130 bytes, so that some are cut within it
  const proxy = await startCuttingProxy(
    Number(new URL(server.url).port),
    () => 60 + below(below(3) === 0 ? 20_000 : 2_000),
  );
  const witnesses = Array.from({ length: CLIENTS }, () => {
    const witness = new Witness();
    const client = connect(`ws://127.0.0.1:${proxy.port}`, { backoff: { minMs: 1, maxMs: 4 } });
    onTestFinished(() => client.close());
    const thread = client.join('t', { from: 'start' });
    thread.on('message', (message) => witness.messages.push(message));
    thread.on('stream', (stream) => witness.note(stream));
    thread.on('gap', () => witness.gaps++);
    return witness;
  });
  onTestFinished(async () => {
    await proxy.close();
    await server.close();
  });

  const thread = server.hub.thread('t');
  const texts = new Map<string, string>();
  const publishes: Promise<unknown>[] = [];
  const streams: (TokenStream | undefined)[] = Array.from({ length: STREAMS });
  let count = 0;
  for (let turn = 0; proxy.cuts < CUTS; turn++) {
    for (const [i, stream] of streams.entries()) {
      if (stream === undefined) {
        streams[i] = thread.stream({ id: `stream-${++count}` });
        continue;
      }
      for (let words = below(4); words > 0; words--) {
        const word = WORDS[below(WORDS.length)] ?? '';
        texts.set(stream.id, (texts.get(stream.id) ?? '') + word);
        stream.append(word);
      }
      if (below(400) !== 0) continue;
      publishes.push(stream.end({ n: count }));
      streams[i] = undefined;
    }
    if (below(20) === 0) publishes.push(thread.send({ turn, filler: 'x'.repeat(below(2_000)) }));
    await nextTurn();
  }
  proxy.mend();
  // everything comes by itself, not only with the final message
  const open = streams.filter((stream) => stream !== undefined && stream.length > 0).map((stream) => stream?.id ?? '');
  const textsOf = ({ streams }: Witness): unknown[] => open.map((id) => streams.find((one) => one.id === id)?.text);
  await expect.poll(() => witnesses.map(textsOf)).toEqual(witnesses.map(() => open.map((id) => texts.get(id))));
  for (const stream of streams) if (stream !== undefined) publishes.push(stream.end());
  await Promise.all(publishes);
  const history = await allMessages(thread);
  await expect
    .poll(() => witnesses.map(({ messages }) => messages.length))
    .toEqual(witnesses.map(() => history.length));

  for (const witness of witnesses) {
    expect(witness.gaps).toBe(0);
    expect(witness.messages.map(({ id, data }) => ({ id, data }))).toEqual(
      history.map(({ id, data }) => ({ id, data })),
    );
    await witness.done();
    expect(new Set(witness.streams.map(({ id }) => id)).size).toBe(witness.streams.length);
    expect(witness.streams.length).toBeGreaterThanOrEqual(open.length);
    for (const { id, text, done } of witness.streams) {
      expect(text).toBe(texts.get(id) ?? '');
      expect(witness.read.get(id)).toBe(text);
      expect((await done)?.id).toBe(id);
    }
  }
  const finals = history.filter(({ id }) => id.startsWith('stream-'));
  expect(finals).toHaveLength(count);
  for (const { id, data } of finals) expect(data).toMatchObject({ text: texts.get(id) ?? '' });
});
