import { globSync, readFileSync } from 'node:fs';
import { expect, it } from 'vitest';

const root = new URL('../../', import.meta.url);

/** Phrases that hide the subject: name the client, the server, the hub or the application instead. */
const UNCLEAR = /\b(?:whoever|nobody|is told|under way|lives beside|for ever)\b/gi;

/** The file as one line, so that a phrase is found across a line break of a comment. */
const flatten = (text: string): string => text.replaceAll(/\n\s*(?:\*|\/\/)?\s*/g, ' ');

const files = globSync(['*.md', 'skills/**/*.md', 'docs/**/*.md', 'src/**/*.{ts,md}'], { cwd: root });

it('comments, texts and docs name their subject', () => {
  expect(files.length).toBeGreaterThan(200);
  const unclear = files.flatMap((file) => {
    const text = flatten(readFileSync(new URL(file, root), 'utf8'));
    return [...text.matchAll(UNCLEAR)].map(
      ({ index }) => `${file}: …${text.slice(Math.max(0, index - 40), index + 40)}…`,
    );
  });
  expect(unclear).toEqual([]);
});
