/**
 * Builds the site into site/dist: `node site/build.ts`. It needs the built package, and no network once its own packages are installed.
 * The pages are those of `docs`, with the API from the doc comments of `dist`.
 */
import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, globSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { checkLinks } from './check-links.ts';
import { sections, type Page } from './pages.ts';
import { slugOf } from './slug.ts';

const site = fileURLToPath(new URL('./', import.meta.url));
const root = fileURLToPath(new URL('../', import.meta.url));
const pages = `${site}.pages`;
const dist = `${site}dist`;

/** The site's own packages, where they are not there yet, or not those of the lock file. */
function install(): void {
  const installed = `${site}node_modules/.package-lock.json`;
  if (existsSync(installed) && statSync(installed).mtimeMs > statSync(`${site}package-lock.json`).mtimeMs) return;
  execFileSync('npm', ['ci', '--prefix', site, '--ignore-scripts', '--no-audit', '--no-fund'], { stdio: 'inherit' });
}

/** Entry points of the package, by the title of their page. */
function entryPoints(): Record<string, string> {
  const { exports }: { exports: Record<string, string> } = JSON.parse(readFileSync(`${root}package.json`, 'utf8'));
  const files = Object.entries(exports).filter(([, file]) => file.endsWith('.js'));
  return Object.fromEntries(files.map(([name, file]) => [name, `${root}${file.slice(2).replace(/\.js$/, '.d.ts')}`]));
}

function copyPages(): void {
  rmSync(pages, { recursive: true, force: true });
  mkdirSync(`${pages}/public`, { recursive: true });
  for (const file of globSync(['docs/*.md', 'docs/upstream/*.md'], { cwd: root })) {
    write(file.slice('docs/'.length), forSite(readFileSync(root + file, 'utf8')));
  }
  write('security.md', forSite(readFileSync(`${root}SECURITY.md`, 'utf8').replaceAll('](docs/', '](')));
  write('changelog.md', forSite(readFileSync(`${root}CHANGELOG.md`, 'utf8').replaceAll('](docs/', '](')));
  for (const file of globSync(['docs/*.{svg,png}', 'docs/benchmarks/*.svg'], { cwd: root })) {
    cpSync(root + file, `${pages}/${file.slice('docs/'.length)}`);
  }
  cpSync(`${root}docs/stalled-phone.svg`, `${pages}/public/stalled-phone.svg`);
  cpSync(`${site}icon.svg`, `${pages}/public/icon.svg`);
  cpSync(`${site}node_modules/@mermaid-js/tiny/dist/mermaid.tiny.js`, `${pages}/public/mermaid.js`);
  write('index.md', readFileSync(`${site}home.md`, 'utf8'));
}

/** A page as the site has it: files outside of `docs` are names, not links. */
function forSite(text: string): string {
  return text
    .replaceAll(/\]\((?:\.\.\/)?SECURITY\.md/g, '](security.md')
    .replaceAll(/\]\((?:\.\.\/)?CHANGELOG\.md/g, '](changelog.md')
    .replaceAll(/\[([^\]]+)\]\(\.\.\/[^)]*\)/g, '$1')
    .replaceAll('](index.md', '](quickstart.md');
}

function write(name: string, text: string): void {
  mkdirSync(dirname(`${pages}/${name}`), { recursive: true });
  writeFileSync(`${pages}/${name}`, text);
}

function makeApi(): void {
  const options = {
    entryPoints: Object.values(entryPoints()),
    tsconfig: `${site}typedoc.tsconfig.json`,
    out: `${pages}/api`,
    plugin: ['typedoc-plugin-markdown'],
    readme: 'none',
    name: 'API',
    logLevel: 'Error',
    excludeExternals: true,
    disableSources: true,
    entryFileName: 'index',
    outputFileStrategy: 'modules',
    hideBreadcrumbs: true,
    hidePageHeader: true,
    parametersFormat: 'table',
    interfacePropertiesFormat: 'list',
    propertyMembersFormat: 'table',
    typeDeclarationFormat: 'table',
    enumMembersFormat: 'table',
    sanitizeComments: true,
    useCodeBlocks: true,
    expandParameters: false,
  };
  writeFileSync(`${site}.typedoc.json`, JSON.stringify(options));
  const compilerOptions = {
    target: 'es2023',
    lib: ['es2024', 'dom', 'dom.iterable'],
    module: 'nodenext',
    types: ['node'],
    strict: true,
    skipLibCheck: true,
    noEmit: true,
  };
  writeFileSync(options.tsconfig, JSON.stringify({ compilerOptions, files: options.entryPoints }));
  run('typedoc', '--options', `${site}.typedoc.json`);
  for (const file of globSync('api/**/*.md', { cwd: pages })) nameApiPage(file);
  mendAnchors();
}

/** TypeDoc names a page after its file: here, after what one imports. */
function nameApiPage(file: string): void {
  const text = readFileSync(`${pages}/${file}`, 'utf8').replaceAll('index-1.md', 'threadcast.md');
  const entry = file.slice('api/'.length, -'.md'.length);
  rmSync(`${pages}/${file}`);
  if (entry === 'index') {
    write(file, readFileSync(`${site}api.md`, 'utf8') + Object.keys(entryPoints()).map(linkOf).join('\n') + '\n');
    return;
  }
  const name = entry === 'index-1' ? 'threadcast' : `threadcast/${entry}`;
  write(entry === 'index-1' ? 'api/threadcast.md' : file, text.replace(/^# .*$/m, `# ${name}`));
}

/** TypeDoc counts names as it meets them: it says `#hubstats-1` where the page has `#hubstats` only. */
function mendAnchors(): void {
  const files = globSync('api/**/*.md', { cwd: pages });
  const texts = new Map(files.map((file) => [file, readFileSync(`${pages}/${file}`, 'utf8')]));
  const slugs = new Map(
    [...texts].map(([file, text]) => [file, [...text.matchAll(/^#+ (.*)$/gm)].map(([, name = '']) => slugOf(name))]),
  );
  for (const [file, text] of texts) {
    const mended = text.replaceAll(
      /\]\(([^)#]*)#([^)]+)-(\d+)\)/g,
      (link, to: string, slug: string, number: string) => {
        const target = slugs.get(to === '' ? file : join(dirname(file), to)) ?? [];
        return target.filter((other) => other === slug).length > Number(number) ? link : `](${to}#${slug})`;
      },
    );
    write(file, mended);
  }
}

const linkOf = (entry: string): string =>
  entry === '.' ? '- [`threadcast`](threadcast.md)' : `- [\`threadcast${entry.slice(1)}\`](${entry.slice(2)}.md)`;

function run(program: string, ...args: string[]): void {
  execFileSync(`${site}node_modules/.bin/${program}`, args, { cwd: site, stdio: ['ignore', 'inherit', 'inherit'] });
}

/** `llms.txt`, `llms-full.txt`, and a `.md` twin beside each page. */
function writeTwins(): void {
  const all = sections.flatMap((section) => section.pages);
  const known = new Set([...all.map(({ page }) => page), 'index']);
  const forgotten = globSync('*.md', { cwd: pages }).filter((file) => !known.has(basename(file, '.md')));
  if (forgotten.length > 0) throw new Error(`in no section of site/pages.ts: ${forgotten.join(', ')}`);
  for (const file of globSync('**/*.md', { cwd: pages })) cpSync(`${pages}/${file}`, `${dist}/${file}`);
  const lead =
    '> Message delivery for Node backends with conversations: one log for each thread, a cursor for each client.';
  const told = descriptions();
  const lineOf = ({ text, page }: Page): string => `- [${text}](/${page}.md)${told.get(page) ?? ''}`;
  const lists = sections.map(({ title, pages }) => `## ${title}\n\n${pages.map(lineOf).join('\n')}`);
  writeFileSync(`${dist}/llms.txt`, ['# threadcast', lead, ...lists].join('\n\n') + '\n');
  const texts = all.map(({ page }) => `<!-- /${page}.md -->\n\n${readFileSync(`${pages}/${page}.md`, 'utf8')}`);
  const skill = readFileSync(`${root}skills/threadcast/SKILL.md`, 'utf8').replace(/^---.*?---\n/s, '');
  writeFileSync(`${dist}/llms-full.txt`, [skill, ...texts].join('\n\n'));
}

/** What docs/index.md says of each page. */
function descriptions(): ReadonlyMap<string, string> {
  const lines = readFileSync(`${root}docs/index.md`, 'utf8').matchAll(/^- \[[^\]]+\]\(([\w-]+)\.md\)(: .*)$/gm);
  return new Map([...lines].map(([, page = '', text = '']) => [page, text]));
}

install();
copyPages();
makeApi();
run('vitepress', 'build');
writeTwins();
const { pages: count, faults } = checkLinks(dist);
for (const fault of faults) console.error(fault);
if (faults.length > 0) process.exit(1);
console.log(`site/dist: ${count} pages, every link leads somewhere`);
