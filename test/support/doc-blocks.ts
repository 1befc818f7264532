import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../', import.meta.url));

export interface Block {
  /** From the first line of the block where that is a comment with a file's name, as another block imports it. */
  readonly name: string;
  readonly code: string;
}

/** The blocks of code of a page of the repository that a reader copies. */
export function blocksOf(page: string): readonly Block[] {
  const text = readFileSync(root + page, 'utf8');
  return [...text.matchAll(/^```(tsx?|js)\n(?:\/\/ ([\w-]+\.(?:ts|tsx|js))\b[^\n]*\n)?(.*?)^```/gms)].map(
    ([, type = '', name, code = ''], i) => ({
      name: name ?? `block-${i + 1}.${type}`,
      code,
    }),
  );
}

/**
 * Writes each block as a module of its own, with an import of the names that its reader has: those that `given`, a module with one `export`
 * to a line, declares and the block does not.
 */
export function writeBlocks(folder: string, blocks: readonly Block[], given?: string): void {
  mkdirSync(folder, { recursive: true });
  const names =
    given === undefined
      ? []
      : [
          ...readFileSync(given, 'utf8').matchAll(
            /^export (?:declare )?(?:const|function|class|type|interface) (\w+)/gm,
          ),
        ];
  for (const { name, code } of blocks) {
    const wanted = names
      .map(([, word = '']) => word)
      .filter((word) => new RegExp(`(?<!(?:^|[^.])\\.|[\\w'])${word}\\b(?!:)`).test(code) && !declares(code, word));
    const from = given === undefined ? '' : relative(folder, given);
    const head = wanted.length === 0 ? 'export {};\n' : `import { ${wanted.join(', ')} } from '${from}';\n`;
    writeFileSync(`${folder}/${name}`, head + code);
  }
}

function declares(code: string, word: string): boolean {
  const declared = `^(?:export )?(?:(?:const|let|async function|function|class|type|interface) ${word}\\b`;
  return new RegExp(
    `${declared}|(?:const|import)(?: type)? \\{[^}]*\\b${word}\\b[^}]*\\}|import ${word}\\b)`,
    'm',
  ).test(code);
}

/** What the compiler says about all modules below a folder, as a user's strict project has it. */
export function compile(folder: string): string {
  const { exports }: { exports: Record<string, string> } = JSON.parse(readFileSync(`${root}package.json`, 'utf8'));
  const paths = Object.fromEntries(
    Object.entries(exports).map(([path, file]) => [
      `threadcast${path.slice(1)}`,
      [root + file.slice(2).replace(/\.js$/, '.d.ts')],
    ]),
  );
  const compilerOptions = {
    strict: true,
    target: 'es2023',
    lib: ['es2024', 'dom', 'dom.iterable', 'esnext.asynciterable'],
    module: 'nodenext',
    jsx: 'react-jsx',
    allowJs: true,
    checkJs: true,
    noEmit: true,
    allowImportingTsExtensions: true,
    skipLibCheck: true,
    types: ['node'],
    paths,
  };
  writeFileSync(
    `${folder}/tsconfig.json`,
    JSON.stringify({ compilerOptions, include: ['**/*.ts', '**/*.tsx', '**/*.js'] }),
  );
  if (!existsSync(`${folder}/package.json`)) writeFileSync(`${folder}/package.json`, '{"type":"module"}');
  return spawnSync(`${root}node_modules/.bin/tsc`, ['-p', folder], { encoding: 'utf8', cwd: folder }).stdout;
}
