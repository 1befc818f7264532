import { expect, onTestFinished, test } from 'vitest';
import { chunksOf, connect, updatesOf, type ChunkClient } from '../../src/chunks/index.ts';
import { meaning, notes, type Note } from '../support/note-codec.ts';
import { serveHub } from './hub-server.ts';

function clientOf(url: string): ChunkClient {
  const client = connect(url, { backoff: { minMs: 1, maxMs: 20 } });
  onTestFinished(() => client.close());
  return client;
}

/** What the updates of a stream come to. */
async function read(source: AsyncIterable<{ chunks: readonly Note[]; isReset: boolean }>): Promise<Note[]> {
  let all: Note[] = [];
  for await (const { chunks: news, isReset } of source) all = isReset ? [...news] : [...all, ...news];
  return all;
}

test('a client whose line is cut again and again, and a late one, have every chunk once and in order', async () => {
  const server = await serveHub();
  const options = { codecs: [notes], from: 'start' } as const;
  const early = clientOf(server.url).join('t', options);
  await expect.poll(() => early.position).toBeDefined();
  const stream = server.hub.thread('t').stream({ id: 's', codec: notes });
  const followed = early.follow('s');
  const all = read(updatesOf(followed, notes));
  for (let i = 0; i < 600; i++) {
    void stream.write(i % 50 === 49 ? { mark: i } : { part: `${Math.floor(i / 20)}`, text: `${i} ` });
    if (i % 100 === 99) server.sockets.at(-1)?.destroy();
    if (i % 5 === 0) await new Promise((resolve) => setTimeout(resolve, 2));
  }
  const late = clientOf(server.url).join('t', options).follow('s');
  await expect.poll(() => chunksOf(late, notes).length).toBeGreaterThan(0);
  await expect.poll(() => meaning(chunksOf(followed, notes))).toEqual(meaning(chunksOf(late, notes)));
  await stream.end();
  const message = await followed.done;
  expect((await late.done)?.data).toEqual(message?.data);
  expect(meaning(await all)).toEqual(meaning(chunksOf(late, notes)));
  expect(notes.end(meaning(chunksOf(late, notes)))).toEqual(message?.data);
});
