/** What a run of scripts/readme-picture.ts has seen. Times in milliseconds since its beginning. */
export interface Run {
  readonly runMs: number;
  readonly stopMs: number;
  readonly wakeMs: number;
  readonly bigMs: number;
  readonly bigBytes: number;
  /** Messages that were sent to each client. */
  readonly sent: number;
  /** By the client, in the order of arrival. */
  readonly received: ReadonlyMap<string, readonly { readonly at: number; readonly kind: string }[]>;
  /** Of the phone's connection, on the server. */
  readonly states: readonly { readonly at: number; readonly state: string }[];
}

const WIDTH = 900;
const LEFT = 92;
const RIGHT = 24;
const TOP = 66;
const ROW = 62;

/** Readable on a white and on a dark page. */
const STYLE = `
  text { font: 13px system-ui, sans-serif; fill: #1f2430 }
  .muted { fill: #5d6577; font-size: 12px } .line { stroke: #c9cedb } .dot { fill: #3f51d8 }
  .approval { fill: #b3470a } .result { stroke: #1f2430; fill: none; stroke-width: 2 }
  .open { fill: #d3ead9 } .retrying { fill: #f7e3ae } .tripped { fill: #f5cdb7 } .evicted { fill: #e2e4ea }
  .page { fill: #ffffff; stroke: #dfe3ec } .strong { font-weight: 600; font-size: 15px }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6e9f2 } .muted { fill: #a4adc2 } .line { stroke: #3b4256 } .dot { fill: #98a5ff }
    .approval { fill: #ffa066 } .result { stroke: #e6e9f2 }
    .open { fill: #20432d } .retrying { fill: #54450f } .tripped { fill: #5a2f1a } .evicted { fill: #363b48 }
    .page { fill: #12151d; stroke: #2a3040 }
  }`;

/** The run as one SVG: a row for each client, a dot for each message, the phone's states below its row. */
export function drawRun(run: Run): string {
  const x = (at: number): string => (LEFT + (at / run.runMs) * (WIDTH - LEFT - RIGHT)).toFixed(1);
  const users = [...run.received.keys()];
  const bandTop = TOP + users.length * ROW - 14;
  const height = bandTop + 98;
  const rows = users.flatMap((user, i) => {
    const y = TOP + i * ROW + 14;
    const got = run.received.get(user) ?? [];
    return [
      text(16, y + 5, user, 'strong'),
      `<line class="line" x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${y}" y2="${y}"/>`,
      ...got.map(({ at, kind }) => mark(x(at), y, kind)),
      text(LEFT, y + 26, caption(user, got, run), 'muted'),
    ];
  });
  const changes = run.states.filter(({ state }, i) => state !== run.states[i - 1]?.state);
  const bands = changes.map(({ at, state }, i) => {
    const end = changes[i + 1]?.at ?? run.runMs;
    const width = ((end - at) / run.runMs) * (WIDTH - LEFT - RIGHT);
    const label = width > 46 ? text(Number(x(at)) + 6, bandTop + 18, state) : '';
    return `<rect class="${state}" x="${x(at)}" y="${bandTop}" width="${width.toFixed(1)}" height="26"/>${label}`;
  });
  const seconds = Array.from({ length: run.runMs / 1_000 + 1 }, (_, s) =>
    s % 2 === 0 ? `<text class="muted" text-anchor="middle" x="${x(s * 1_000)}" y="${bandTop + 44}">${s} s</text>` : '',
  );
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" role="img" aria-labelledby="title">`,
    `<title id="title">${describe(run)}</title>`,
    `<style>${STYLE}</style>`,
    `<rect class="page" x="0.5" y="0.5" width="${WIDTH - 1}" height="${height - 1}" rx="8"/>`,
    text(16, 28, 'A phone stops reading. The others do not notice, and it loses nothing.', 'strong'),
    text(16, 48, 'A run of real sockets: each dot is a message at the moment the client has it.', 'muted'),
    ...rows,
    ...bands,
    text(16, bandTop + 18, 'its state', 'muted'),
    ...seconds,
    `<circle class="dot" cx="20" cy="${bandTop + 72}" r="3.5"/>${text(30, bandTop + 76, 'message', 'muted')}`,
    `<circle class="result" cx="102" cy="${bandTop + 72}" r="6"/>${text(114, bandTop + 76, `result of ${run.bigBytes / 1e6} MB`, 'muted')}`,
    `${diamond(224, bandTop + 72)}${text(236, bandTop + 76, 'approval, sent after the result, overtakes it', 'muted')}`,
    '</svg>\n',
  ].join('\n');
}

function caption(user: string, got: readonly { readonly at: number }[], run: Run): string {
  const all = `${got.length} of ${run.sent} messages, once and in order`;
  if (user !== 'phone') return all;
  const after = got.filter(({ at }) => at > run.wakeMs);
  return `reads nothing from ${run.stopMs / 1_000} s to ${run.wakeMs / 1_000} s, then resumes: ${all} (${after.length} after its return)`;
}

function describe(run: Run): string {
  const counts = [...run.received].map(([user, { length }]) => `${user} ${length}`).join(', ');
  return `Three clients over ${run.runMs / 1_000} seconds. The phone stops reading and resumes. Messages received of ${run.sent}: ${counts}.`;
}

function mark(x: string, y: number, kind: string): string {
  if (kind === 'result') return `<circle class="result" cx="${x}" cy="${y}" r="7"/>`;
  if (kind === 'approval') return diamond(Number(x), y);
  return `<circle class="dot" cx="${x}" cy="${y}" r="3"/>`;
}

function diamond(x: number, y: number): string {
  return `<path class="approval" d="M${x.toFixed(1)} ${y - 7}l7 7-7 7-7-7z"/>`;
}

function text(x: number, y: number, content: string, name?: string): string {
  return `<text${name === undefined ? '' : ` class="${name}"`} x="${x}" y="${y}">${content}</text>`;
}
