// Asks what an open page asks: two looks a second with the rows in view and one connection's details, and in every fifth second a
// scroll, which asks ten times.
import { setTimeout as delay } from 'node:timers/promises';
import type { Selection, Sight } from '../../src/inspector/protocol.ts';

const [address = ''] = process.argv.slice(2);
const [url, token = ''] = address.split('#token=');
const LOOK_MS = 500;
const SCROLL_MS = 100;

let samplesAfter = 0;
let notesAfter = 0;
let matching = 0;
let selected: Selection | undefined;

process.on('disconnect', () => process.exit());
for (let n = 1; ; n++) {
  const isScrolling = n % 20 >= 10;
  await look(isScrolling ? Math.floor(Math.random() * matching) : 0);
  if (n === 1) process.send?.('watching');
  await delay(isScrolling ? SCROLL_MS : LOOK_MS);
}

async function look(from: number): Promise<void> {
  const list = { kind: 'connections', search: '', state: '', sort: 'state', isDescending: true, from, count: 36 };
  const body = JSON.stringify({ viewer: 'the-viewer-of-the-benchmark', samplesAfter, notesAfter, list, selected });
  const headers = { 'content-type': 'application/json', authorization: `Bearer ${token}` };
  const response = await fetch(`${url}api/look`, { method: 'POST', headers, body });
  if (!response.ok) throw new Error(`look: ${response.status}`);
  const sight: Sight = JSON.parse(await response.text());
  samplesAfter = sight.samples.at(-1)?.n ?? samplesAfter;
  notesAfter = sight.notes.at(-1)?.n ?? notesAfter;
  matching = sight.list.matching;
  selected ??= { kind: 'connections', id: sight.list.rows[0]?.id ?? '' };
}
