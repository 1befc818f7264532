/** Rows that a table may have to stay open where there is no chart of it. */
const SHORT = 8;

const isImage = (block: string): boolean => block.startsWith('![');
const isTable = (block: string): boolean => block.startsWith('|');
const isFold = (block: string): boolean => /^<\/?details>/.test(block);

/** Targets that stay open. */
const FEW_TARGETS = 12;

/** Each part of a Markdown text with its charts first, and long tables folded behind them. */
export function chartsFirst(text: string): string {
  const parts: string[][] = [];
  for (const block of text.split(/\n{2,}/)) {
    if (isFold(block)) continue;
    if (parts.length === 0 || block.startsWith('#')) parts.push([]);
    parts.at(-1)?.push(block);
  }
  return parts.flatMap(arrange).join('\n\n');
}

function arrange(blocks: readonly string[]): readonly string[] {
  const images = blocks.filter(isImage);
  const tables = blocks.filter(isTable);
  const most = /^#+ Targets/.test(blocks[0] ?? '') ? FEW_TARGETS : SHORT;
  const isShort = images.length === 0 && tables.every((table) => table.split('\n').length <= most + 2);
  if (isShort) return blocks;
  const first = blocks.findIndex(isTable);
  const isRest = (block: string): boolean => !isTable(block) && !isImage(block);
  const summary = `<details>\n<summary>${tables.length === 1 ? 'The table' : 'The tables'}</summary>`;
  return [
    ...blocks.slice(0, first).filter(isRest),
    ...images,
    summary,
    ...tables,
    '</details>',
    ...blocks.slice(first).filter(isRest),
  ];
}
