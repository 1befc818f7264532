import { expect, it } from 'vitest';
import { EventLink } from '../../src/http/event-link.ts';
import { FrameEvents } from '../../src/http/events.ts';
import { noPlaces } from '../../src/http/places.ts';
import type { Sink } from '../../src/http/sink.ts';

/** A response that takes nothing until it is told to. */
class SlowSink implements Sink {
  readonly framing = 'raw';
  readonly written: Uint8Array[] = [];
  readonly takenBytes = 0;
  unsentBytes = 0;
  readonly #waiting: (() => void)[] = [];

  write(parts: readonly Uint8Array[], onTaken?: () => void): void {
    this.written.push(...parts);
    for (const { length } of parts) this.unsentBytes += length;
    if (onTaken !== undefined) this.#waiting.push(onTaken);
  }

  take(): void {
    this.unsentBytes = 0;
    for (const onTaken of this.#waiting.splice(0)) onTaken();
  }

  cork(): void {}

  uncork(): void {}

  end(): void {}

  destroy(): void {}
}

const TEXT = 0x01;
const CONTINUATION = 0x00;
const FIN = 0x80;

const frame = (first: number, payload: string): readonly Uint8Array[] => [
  Buffer.concat([Buffer.from([first, payload.length]), Buffer.from(payload)]),
];

function open(): { link: EventLink; sink: SlowSink; pongs: number[] } {
  const sink = new SlowSink();
  const pongs: number[] = [];
  const nothing = (): void => {};
  const link = new EventLink(
    { open: () => sink, refuse: nothing, refuseLost: nothing, abort: nothing, ended: nothing },
    { events: new FrameEvents(noPlaces, 'json'), joins: 0 },
    {
      onMessage: nothing,
      onPing: nothing,
      onPong: (seq) => pongs.push(seq),
      onDrain: nothing,
      onClose: nothing,
      onBroken: nothing,
    },
  );
  return { link, sink, pongs };
}

it('a ping between two fragments of a message does not come into its event', () => {
  const { link, sink, pongs } = open();
  link.write(frame(TEXT, '{"t":"msg",'), undefined);
  link.ping(1);
  link.write(frame(CONTINUATION | FIN, '"d":1}'), undefined);
  link.ping(2);
  expect(Buffer.concat(sink.written).toString()).toBe('data: {"t":"msg","d":1}\n\n:\n\n');
  expect(pongs).toEqual([]);
  sink.take();
  expect(pongs).toEqual([1, 2]);
});

it('the same for a second response, which shares the first one’s bytes', () => {
  const [first, second] = [open(), open()];
  const begun = frame(TEXT, '{"t":"msg",');
  for (const { link } of [first, second]) link.write(begun, undefined);
  second.link.ping(1);
  expect(Buffer.concat(second.sink.written).toString()).toBe('data: {"t":"msg",');
});
