import { expect, test } from 'vitest';
import { START, Tap } from './chat-server.ts';
import { startVirtualChat } from './virtual-chat.ts';

const never = <T>(): Promise<T> => new Promise<T>(() => {});
const timeoutOf = (callback: string): object => ({ code: 'TC_ANSWER_TIMEOUT', callback });

test('an authorize that never answers refuses the request after its time, and the chat is free for the next one', async () => {
  let isSilent = true;
  const taps: Tap[] = [];
  const chats = await startVirtualChat({
    answerTimeoutMs: 1_000,
    authorize: () => (isSilent ? never() : true),
    run: () => {
      const tap = new Tap();
      taps.push(tap);
      return tap;
    },
  });
  const { ask, clock, errors, chat, hub } = chats;
  expect(hub.thread('chat:c').members).toHaveLength(1);
  await ask('1');
  await clock.advance(1_100);
  expect(errors).toMatchObject([timeoutOf('authorize')]);
  isSilent = false;
  await ask('2');
  expect(taps).toHaveLength(1);
  expect(chat.runs).toBe(1);
  expect(Object.keys(chats.refusals)).toEqual(['1']);
  taps[0]?.end();
  await clock.advance(1_000);
});

test('a validateMessages that never answers holds neither the chat nor its bytes', async () => {
  let isSilent = true;
  const chats = await startVirtualChat({
    answerTimeoutMs: 1_000,
    maxTotalRequestBytes: 150,
    validateMessages: () => (isSilent ? never() : []),
    run: () => new Tap(),
  });
  const { ask, clock, errors, chat } = chats;
  await ask('1');
  await clock.advance(1_100);
  expect(errors).toMatchObject([timeoutOf('validateMessages')]);
  expect(Object.keys(chats.refusals)).toEqual(['1']);
  isSilent = false;
  await ask('2');
  expect(chat.runs).toBe(1);
});

test('a run that never answers fails after its time, and is aborted', async () => {
  const signals: AbortSignal[] = [];
  const chats = await startVirtualChat({
    startTimeoutMs: 5_000,
    run: ({ signal }) => {
      signals.push(signal);
      return never<Tap>();
    },
  });
  const { ask, clock, errors, chat } = chats;
  await ask('1');
  await clock.advance(4_000);
  expect(chat.runs).toBe(1);
  await clock.advance(3_500);
  expect(errors).toMatchObject([timeoutOf('run')]);
  expect(chat.runs).toBe(0);
  expect(signals[0]?.aborted).toBe(true);
  expect(chats.types).toEqual(['start', 'error']);
});

test('a source that falls silent fails after its time; a slow one does not', async () => {
  const tap = new Tap();
  const chats = await startVirtualChat({ chunkTimeoutMs: 10_000, run: () => tap });
  await chats.ask('1');
  tap.push(...START);
  for (let i = 0; i < 5; i++) {
    await chats.clock.advance(8_000);
    tap.text('word ');
  }
  expect(chats.chat.runs).toBe(1);
  await chats.clock.advance(13_000);
  expect(chats.errors).toMatchObject([timeoutOf('run')]);
  expect(chats.chat.runs).toBe(0);
  expect(chats.types.at(-1)).toBe('error');
});

test('an answer without viewers is stopped after its time, on the clock of the hub', async () => {
  const tap = new Tap();
  const signals: AbortSignal[] = [];
  const { ask, clock, link, chat } = await startVirtualChat({
    abandonedTimeoutMs: 60_000,
    run: ({ signal }) => {
      signals.push(signal);
      return tap;
    },
  });
  await ask('1');
  tap.push(...START);
  link.say({ t: 'leave', th: 'chat:c' });
  await clock.advance(50_000);
  expect(signals[0]?.aborted).toBe(false);
  await clock.advance(20_000);
  expect(signals[0]?.aborted).toBe(true);
  // a source that does not stop has three seconds
  await clock.advance(5_000);
  expect(chat.runs).toBe(0);
});
