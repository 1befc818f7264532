import type { Codec } from '../../src/define/index.ts';

/** A chunk: text of a part, which folds, a mark, which does not, or a signal, which is not replayed. */
export type Note =
  { readonly part: string; readonly text: string } | { readonly mark: number } | { readonly signal: number };

/** Folds neighbouring text of the same part. */
export const notes: Codec<Note, { readonly notes: readonly Note[] }> = {
  name: 'notes',
  fold: (a, b) =>
    'part' in a && 'part' in b && a.part === b.part ? { part: a.part, text: a.text + b.text } : undefined,
  sizeOf: (note) => ('part' in note ? note.text.length : 8),
  isTransient: (note) => 'signal' in note,
  end: (all) => ({ notes: all }),
};

/** As a reader sees them: neighbouring text joined, without signals. */
export function meaning(all: readonly Note[]): Note[] {
  const joined: Note[] = [];
  for (const note of all) {
    if ('signal' in note) continue;
    const last = joined.at(-1);
    const both = last && notes.fold(last, note);
    if (both === undefined) joined.push(note);
    else joined[joined.length - 1] = both;
  }
  return joined;
}
