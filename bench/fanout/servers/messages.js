// The benchmark's messages. Each begins with `at`, sixteen digits of nanoseconds, which the load client looks for.

/**
 * Different texts that take turns: a compressor that remembers the message before would find every word of the same one. Texts
 * larger than its window of 32 KB need no others.
 */
const VARIANTS = 8;
const VARIED_BYTES = 64_000;

/** Goes on over all rounds, or a short round would always begin with the same text. */
let turn = 0;

const STAMP = '0'.repeat(16);
const SYLLABLES = 'ba ce di fo gu la me ni po ru sa te vi wo xu'.split(' ');
const WORDS = SYLLABLES.flatMap((first) => SYLLABLES.map((second) => first + second));

/**
 * @param {'text' | 'records'} kind `text`: one long string of words; `records`: an array of small objects
 * @param {number} bytes size of the message as JSON
 * @returns {{ make(stamp: string): object }} every call makes a new object
 */
export function makeMessage(kind, bytes) {
  if (kind === 'records') {
    const records = makeRecords(bytes);
    return { make: (at) => ({ at, records }) };
  }
  const texts = Array.from({ length: bytes > VARIED_BYTES ? 1 : VARIANTS }, (_, i) => makeText(bytes, i));
  return { make: (at) => ({ at, text: texts[turn++ % texts.length] }) };
}

function makeText(bytes, variant) {
  const size = Math.max(0, bytes - JSON.stringify({ at: STAMP, text: '' }).length);
  const random = seeded(42 + variant);
  let text = '';
  while (text.length < size) text += `${WORDS[Math.floor(random() * WORDS.length)]} `;
  // flat: a rope would be flattened by whoever serializes it first
  return Buffer.from(text.slice(0, size)).toString('latin1');
}

function makeRecords(bytes) {
  const random = seeded(42);
  const records = [];
  for (let size = 0, id = 0; size < bytes; id++) {
    const record = { id, name: WORDS[id % WORDS.length], value: Math.round(random() * 1e9), isNew: id % 3 === 0 };
    size += JSON.stringify(record).length + 1;
    records.push(record);
  }
  return records;
}

/** The same numbers in every process: mulberry32. */
function seeded(seed) {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
