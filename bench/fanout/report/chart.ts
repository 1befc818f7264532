/** A chart of horizontal bars in groups. Less is better. */
export interface Chart {
  /** Name of the file, without its end. */
  readonly file: string;
  readonly title: string;
  readonly unit: string;
  readonly groups: readonly {
    readonly label: string;
    readonly bars: readonly { readonly name: string; readonly value: number }[];
  }[];
}

const WIDTH = 760;
const LABELS = 170;
const BAR = 16;
const GAP = 14;
const TITLE = 44;

/** As an SVG that can be read on a light page and on a dark one. Ours is drawn in another colour than the others. */
export function drawChart({ title, unit, groups }: Chart): string {
  const most = Math.max(...groups.flatMap(({ bars }) => bars.map(({ value }) => value)), Number.MIN_VALUE);
  const parts: string[] = [];
  let y = TITLE;
  for (const { label, bars } of groups) {
    parts.push(text(8, y + 12, label, 'font-weight="600"'));
    y += BAR + 4;
    for (const { name, value } of bars) {
      const width = Math.max(1, ((WIDTH - LABELS - 80) * value) / most);
      const colour = name.startsWith('threadcast') ? '#2f7ed8' : '#9aa4b2';
      parts.push(text(LABELS - 8, y + 12, name, 'text-anchor="end"'));
      parts.push(
        `<rect x="${LABELS}" y="${y}" width="${width.toFixed(1)}" height="${BAR - 3}" rx="2" fill="${colour}"/>`,
      );
      parts.push(
        text(
          LABELS + width + 6,
          y + 12,
          value >= 1_000 ? Math.round(value).toLocaleString('en') : Number(value.toPrecision(3)).toString(),
        ),
      );
      y += BAR;
    }
    y += GAP;
  }
  const size = `width="${WIDTH}" height="${y}" viewBox="0 0 ${WIDTH} ${y}"`;
  const head = `<svg xmlns="http://www.w3.org/2000/svg" ${size} role="img" font-family="system-ui, sans-serif" font-size="12">`;
  const style = '<style>text{fill:#24292f}@media(prefers-color-scheme:dark){text{fill:#e6edf3}}</style>';
  const heading = text(8, 22, `${title} (${unit}, less is better)`, 'font-size="15" font-weight="600"');
  return [head, style, `<title>${escapeXml(title)}</title>`, heading, ...parts, '</svg>', ''].join('\n');
}

function text(x: number, y: number, words: string, attributes = ''): string {
  return `<text x="${x.toFixed(1)}" y="${y}" ${attributes}>${escapeXml(words)}</text>`;
}

function escapeXml(words: string): string {
  return words.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
}
