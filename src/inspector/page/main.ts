import type { ChartLayout } from '../chart.ts';
import type { Action, Selection, Sight } from '../protocol.ts';
import { act, look, Refused, setToken, takeToken } from './api.ts';
import { Charts } from './charts.ts';
import { DetailPanel } from './detail.ts';
import { byId, byIdAs, write } from './dom.ts';
import { Evictions } from './evictions.ts';
import { count, counted } from './format.ts';
import { List } from './list.ts';
import { MeterCharts } from './meters.ts';
import { followTheme } from './theme.ts';

/** Between two looks, and at least between two where something else is wanted. */
const LOOK_MS = 500;
const SOON_MS = 70;

/** After a look that failed. */
const RETRY_MS = 2_000;

/** Kept for the tab: a page that is loaded again takes no second place among the viewers. */
const VIEWER_KEY = 'threadcast.inspector.viewer';

takeToken();
let viewer = sessionStorage.getItem(VIEWER_KEY) ?? newViewer();
const layouts: readonly ChartLayout[] = await (await fetch('charts.json')).json();

let selected: Selection | undefined;
/** When the server began to watch, as far as the page knows. */
let since: number | undefined;
const faults = { look: '', action: '' };
/** Something else is wanted than the last look asked for. */
let isWanted = false;
let onWanted = (): void => {};
const wake = (): void => {
  isWanted = true;
  onWanted();
};

const meters = new MeterCharts(byId('meters'));
const evictions = new Evictions();
const charts = new Charts(layouts, { picked: (kind, state) => list.show(kind, state) });
const detail = new DetailPanel({
  closed: () => select(undefined),
  picked: (id) => select({ kind: 'connections', id }),
  act: (action, id) => void perform(action, id),
});
const list = new List((kind) => charts.statesOf(kind), { changed: () => wake(), selected: select });
followTheme(() => meters.repaint());

function select(selection: Selection | undefined): void {
  selected = selection;
  say('action', '');
  list.select(selection);
  charts.select(selection);
  if (selection === undefined) detail.hide();
  wake();
}

async function perform(action: Action, connectionId: string): Promise<void> {
  say('action', '');
  try {
    await act({ action, connectionId });
  } catch (error) {
    say('action', `${action}: ${error instanceof Error ? error.message : String(error)}`);
  }
  wake();
}

/** Looks, until the page goes; a page that is not seen does not look. */
async function watch(): Promise<never> {
  for (;;) {
    await untilVisible();
    isWanted = false;
    const hasFailed = await lookOnce();
    await pause(hasFailed ? RETRY_MS : LOOK_MS);
  }
}

/** Until the time is up, or shortly after something else is wanted. */
async function pause(ms: number): Promise<void> {
  await new Promise<void>((resolve) => {
    onWanted = () => setTimeout(resolve, SOON_MS);
    if (isWanted) onWanted();
    setTimeout(resolve, ms);
  });
}

/** True where it has failed. */
async function lookOnce(): Promise<boolean> {
  try {
    const question = { viewer, samplesAfter: meters.newest, notesAfter: evictions.newest, list: list.query, selected };
    const sight = await look(question);
    if (sight.since !== since) {
      // it counts from 1 again: this answer lacks what it has counted up to the numbers that the page knew
      const knew = since;
      since = sight.since;
      meters.forget();
      evictions.forget();
      if (knew !== undefined) {
        isWanted = true;
        return false;
      }
    }
    show(sight);
    // a thread that was closed, or whatever was there before the server began anew
    if (sight.selected === undefined && question.selected !== undefined && question.selected === selected)
      detail.gone();
    link('live');
    say('look', '');
    return false;
  } catch (error) {
    // a tab that was duplicated has the id of the other one, and they are in each other's way
    if (error instanceof Refused && error.status === 429) viewer = newViewer();
    if (error instanceof Refused && error.status === 401) await askForToken();
    else if (error instanceof Refused) say('look', `${error.message}.`);
    link(error instanceof Refused ? 'refused' : 'lost');
    return true;
  }
}

function show(sight: Sight): void {
  const { hub } = sight;
  byId('link').dataset['at'] = String(sight.at);
  const { remembered, repeated } = hub.answers;
  const answers =
    remembered + repeated === 0
      ? ''
      : ` · ${counted(remembered, 'answer')} remembered, ${counted(repeated, 'time')} given to a retry`;
  write(
    byId('facts'),
    `hub ${hub.state} · ${counted(hub.connections, 'connection')} · ${counted(hub.threads, 'thread')}${answers}`,
  );
  write(byId('evicted'), count(hub.evicted));
  meters.add(sight.samples);
  evictions.add(sight.notes);
  list.offerPools(sight.machines.some(({ machine }) => machine === 'pool-connection'));
  list.take(sight.list);
  charts.take(sight);
  if (selected !== undefined && sight.selected?.row.id === selected.id) detail.show(sight.selected, sight.hasActions);
}

function newViewer(): string {
  const id = crypto.getRandomValues(new Uint32Array(4)).join('-');
  sessionStorage.setItem(VIEWER_KEY, id);
  return id;
}

function link(state: 'live' | 'lost' | 'refused'): void {
  const element = byId('link');
  element.dataset['link'] = state;
  write(element, state);
}

/** Says what has failed, until the next one of its kind. */
function say(what: 'look' | 'action', text: string): void {
  faults[what] = text;
  const banner = byId('banner');
  write(banner, faults.look || faults.action);
  banner.hidden = banner.textContent === '';
}

async function askForToken(): Promise<void> {
  const dialog = byIdAs('ask', HTMLDialogElement);
  const input = byIdAs('token', HTMLInputElement);
  write(byId('ask-fault'), input.value === '' ? '' : 'That is not the token.');
  input.value = '';
  dialog.showModal();
  await new Promise((resolve) => dialog.addEventListener('close', resolve, { once: true }));
  if (input.value !== '') setToken(input.value);
  wake();
}

async function untilVisible(): Promise<void> {
  while (document.hidden) {
    await new Promise((resolve) => document.addEventListener('visibilitychange', resolve, { once: true }));
  }
}

document.addEventListener('keydown', (event) => {
  if (event.key === 'Escape' && selected !== undefined) select(undefined);
  if (event.key === '/' && !(event.target instanceof HTMLInputElement)) {
    list.focusSearch();
    event.preventDefault();
  }
});

void watch();
