import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { StreamContent } from '../../src/actors/streams/stream-content.ts';
import { trials } from '../support/tier.ts';

/** Limit of a frame and of a node message, in UTF-16 units. */
const MAX_UNITS = 64 * 1024;

const newText = (): StreamContent => new StreamContent('t', 's', undefined, () => []);

function write(content: StreamContent, text: string): void {
  content.write(text, content.sizeOf(text));
}

/** The text of the frames from a position on, as a client puts it together. */
function readFrom(content: StreamContent, from: number): { readonly at: number; readonly text: string } {
  const first = content.align(from);
  let text = '';
  for (let at = first; at < content.told;) {
    const { piece, to } = content.frame(at);
    const bytes = Buffer.concat(piece);
    const frame: { at: number; d: string } = JSON.parse(bytes.subarray(bytes.indexOf('{"t"')).toString());
    expect(frame.at).toBe(at);
    expect(to).toBe(at + frame.d.length);
    expect(frame.d.length).toBeLessThanOrEqual(MAX_UNITS);
    // no character is cut between two frames
    expect(to < content.told && /[\uD800-\uDBFF]$/.test(frame.d)).toBe(false);
    text += frame.d;
    at = to;
  }
  return { at: first, text };
}

/** A delta; halves of surrogate pairs come alone, too. */
const delta = fc.oneof(
  { weight: 5, arbitrary: fc.string({ maxLength: 12 }) },
  { weight: 2, arbitrary: fc.constantFrom('', '\uD83D', '\uDE00', 'a\uD83D', '\uDE00b', '😀') },
  {
    weight: 1,
    arbitrary: fc.constantFrom(32_768, 65_537, 90_001).map((length) => '😀x'.repeat(length).slice(0, length)),
  },
);
const acts = fc.array(fc.oneof(delta, fc.constant(undefined)), { maxLength: 120 });

test('text reads the same from every position, whatever was folded; so does its copy in another process', () => {
  fc.assert(
    fc.property(acts, fc.array(fc.nat(), { maxLength: 5 }), (deltas, places) => {
      const [content, copy] = [newText(), newText()];
      let all = '';
      for (const next of deltas) {
        if (next === undefined) content.takePending();
        else {
          write(content, next);
          all += next;
        }
      }
      content.takePending();
      // at most half of a pair waits
      expect(content.length - content.told).toBeLessThanOrEqual(1);
      const told = all.slice(0, content.told);
      for (const place of [0, ...places.map((each) => each % (content.told + 1))]) {
        const { at, text } = readFrom(content, place);
        expect(place - at).toBeLessThanOrEqual(1);
        expect(text).toBe(told.slice(at));
      }
      for (const replica of content.replicas(0, 0)) expect(copy.take(replica)).toBe(true);
      // what is known is left out
      for (const replica of content.replicas(0, 0)) expect(copy.take(replica)).toBe(true);
      expect(copy.final({}, undefined)).toEqual({ text: told });
      expect(content.final({ by: 'model' }, 'lost')).toEqual({ by: 'model', text: all, aborted: 'lost' });
      expect([content.length, content.size]).toEqual([all.length, all.length]);
    }),
    trials(50),
  );
});

test('ten thousand windows are a few folds, and a text that does not follow is asked for', () => {
  const content = newText();
  for (let n = 0; n < 10_000; n++) {
    write(content, `word ${n} `);
    content.takePending();
  }
  expect(content.folds).toBeLessThan(content.length / (16 * 1024) + 40);
  expect(newText().take({ at: 5, to: 6, d: 'x' })).toBe(false);
});
