import { expect, it, onTestFinished } from 'vitest';
import { DeadLines } from '../../src/actors/hub/dead-lines.ts';
import { VirtualClock } from '../../src/testing/index.ts';

class FakeLine {
  state = 'open';
  asked = 0;
  hasAnswered = false;
  code: number | undefined;

  askForLife(): () => boolean {
    this.asked++;
    this.hasAnswered = false;
    return () => this.hasAnswered;
  }

  evict({ code }: { code: number }): void {
    this.state = 'evicted';
    this.code = code;
  }
}

function makeRoomFor(count: number) {
  const clock = new VirtualClock();
  const lines = Array.from({ length: count }, () => new FakeLine());
  const deadLines = new DeadLines(clock, () => lines.filter(({ state }) => state !== 'evicted'));
  let done = 0;
  const wait = (signal = new AbortController().signal): void => {
    void deadLines.makeRoom('ada', signal).then(() => done++);
  };
  onTestFinished(() => {
    deadLines.stop();
    expect(clock.pending).toBe(0);
  });
  return { clock, lines, deadLines, wait, done: () => done, codes: () => lines.map(({ code }) => code) };
}

it('ends the oldest line that does not answer, after two seconds', async () => {
  const { clock, lines, wait, done, codes } = makeRoomFor(3);
  wait();
  expect(lines.map(({ asked }) => asked)).toEqual([1, 1, 1]);
  if (lines[0] !== undefined) lines[0].hasAnswered = true;
  await clock.advance(1_900);
  expect([done(), codes()]).toEqual([0, [undefined, undefined, undefined]]);
  await clock.advance(100);
  expect([done(), codes()]).toEqual([1, [undefined, 4409, undefined]]);
});

it('says at once that there is no place where all answer, and asks no sooner than a second later again', async () => {
  const { clock, lines, wait, done, codes } = makeRoomFor(2);
  wait();
  for (const line of lines) line.hasAnswered = true;
  await clock.advance(100);
  expect(done()).toBe(1);
  for (let i = 0; i < 50; i++) wait();
  await clock.settle();
  expect([done(), lines[0]?.asked]).toEqual([51, 1]);
  await clock.advance(1_000);
  wait();
  expect(lines[0]?.asked).toBe(2);
  await clock.advance(3_000);
  expect(codes()).toEqual([4409, undefined]);
});

it('ends as many as there are handshakes that wait, and lets no more wait than there are lines', async () => {
  const { clock, lines, wait, done, codes } = makeRoomFor(3);
  const gaveUp = new AbortController();
  wait();
  wait(gaveUp.signal);
  wait();
  wait();
  await clock.settle();
  expect(done()).toBe(1);
  gaveUp.abort();
  await clock.advance(2_000);
  expect(done()).toBe(4);
  expect(codes()).toEqual([4409, 4409, undefined]);
  expect(lines.map(({ asked }) => asked)).toEqual([1, 1, 1]);
});

it('a line that ends meanwhile is a place: nobody is ended for it', async () => {
  const { clock, lines, wait, done, codes } = makeRoomFor(2);
  wait();
  await clock.advance(300);
  if (lines[1] !== undefined) lines[1].state = 'evicted';
  await clock.advance(100);
  expect([done(), codes()]).toEqual([1, [undefined, undefined]]);
});

it('asks 32 lines at most', async () => {
  const { lines, wait } = makeRoomFor(100);
  wait();
  expect(lines.filter(({ asked }) => asked > 0)).toHaveLength(32);
});

it('a hub that ends lets all go', async () => {
  const { clock, deadLines, wait, done, codes } = makeRoomFor(1);
  wait();
  await clock.advance(500);
  deadLines.stop();
  await clock.settle();
  expect([done(), codes()]).toEqual([1, [undefined]]);
});
