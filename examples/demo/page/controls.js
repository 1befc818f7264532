const byId = (id) => document.getElementById(id);

/** What the phone is doing, in words. */
const PHONE = {
  open: 'open: gets every message',
  retrying: 'retrying: takes no bytes, so nothing is written for it',
  tripped: 'tripped: costs nothing until one probe decides',
  offline: 'away: its position waits in the log',
};

/**
 * Lets the visitor type into the conversation, stall and drop the phone, and start the comparison.
 *
 * @param {(thread: string, data: unknown) => void} publish
 */
export function wireControls(publish) {
  byId('say').addEventListener('submit', (event) => {
    event.preventDefault();
    const input = byId('say-text');
    const text = input.value.trim();
    if (text === '') return;
    publish('demo.conversation', text);
    input.value = '';
  });
  for (const order of ['stop', 'wake', 'drop', 'compare']) {
    byId(order).addEventListener('click', () => publish('demo.control', order));
  }
  byId('reload').addEventListener('click', () => location.reload());
}

/** Shows how the phone is, and how the loop over `ws` does beside the hub. */
export function showControls({ phone, unsent, longestBlock, naive }) {
  const state = phone.state === 'evicted' ? 'offline' : phone.state;
  byId('phone').dataset.state = state;
  byId('phone-state').textContent = phone.isStopped && state === 'open' ? 'stalled: the hub will notice' : PHONE[state];
  const gaps = phone.gaps === 0 ? '' : `, ${phone.gaps} gaps`;
  byId('phone-facts').textContent =
    `${phone.received} messages of this play, ${phone.lag} to come, ${phone.resumes} resumes${gaps}`;
  byId('stop').hidden = phone.isStopped;
  byId('wake').hidden = !phone.isStopped;
  byId('compare').textContent = naive ? 'Stop the loop' : 'Start the loop';
  byId('compare').setAttribute('aria-pressed', String(naive !== undefined));
  byId('our-block').textContent = milliseconds(longestBlock.runningMs);
  byId('our-unsent').textContent = megabytes(unsent);
  const report = naive?.report;
  byId('naive-block').textContent = report ? milliseconds(report.longestBlock.runningMs) : naive ? 'starting' : '–';
  byId('naive-unsent').textContent = report ? megabytes(report.buffered) : '–';
}

const milliseconds = (ms) => (ms < 100 ? `${ms.toFixed(1)} ms` : `${Math.round(ms).toLocaleString('en')} ms`);
const megabytes = (bytes) => `${(bytes / 1e6).toFixed(1)} MB`;
