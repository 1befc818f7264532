/** Events that stay on the page. */
const KEPT = 60;

const states = document.getElementById('states');
const events = document.getElementById('events');
const byId = (id) => document.getElementById(id);

/** Shows the hub's numbers. */
export function showStatus({ seq, states: counts, stats, longestBlock }) {
  states.dataset.seq = seq;
  for (const [state, count] of Object.entries(counts)) {
    byId(`count-${state}`).textContent = count;
    const bar = byId(`bar-${state}`);
    if (bar) bar.style.flexGrow = count;
  }
  byId('messages').textContent = stats.messagesPublished.toLocaleString('en');
  byId('deliveries').textContent = stats.deliveries.toLocaleString('en');
  byId('longest-block').textContent = longestBlock.runningMs.toFixed(1);
  const isHosts = longestBlock.ms - longestBlock.runningMs > 5;
  byId('host-block').textContent = isHosts
    ? `A turn took ${longestBlock.ms.toFixed(1)} ms, because the machine had no core for it.`
    : '';
  byId('timeouts').textContent = stats.sendTimeouts.toLocaleString('en');
}

/** What an end is called that the hub did not choose. */
const NOT_EVICTED = new Map([
  [1000, 'left'],
  [1001, 'left'],
  [1005, 'left'],
  [1006, 'lost'],
]);

/** Adds what happened to a connection, the newest first. */
export function showEvent({ at, user, from, to, code, reason }) {
  byId('no-events')?.remove();
  byId('events-log').hidden = false;
  const item = document.createElement('li');
  const time = document.createElement('time');
  time.dateTime = at;
  time.textContent = new Date(at).toLocaleTimeString('en-GB');
  const who = document.createElement('span');
  who.textContent = user;
  const what = document.createElement('span');
  const end = NOT_EVICTED.get(code) ?? to;
  what.className = end;
  what.textContent = code === undefined ? `${from} → ${to}` : `${end}: ${code} ${reason}`;
  item.append(time, who, what);
  events.prepend(item);
  while (events.children.length > KEPT) events.lastElementChild.remove();
}
