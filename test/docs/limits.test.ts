import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

const root = fileURLToPath(new URL('../../', import.meta.url));
const read = (file: string): string => readFileSync(`${root}${file}`, 'utf8');

/** Where the options are declared with which an application sets a limit. */
const SOURCES = [
  'src/api/options.ts',
  'src/api/input-limits.ts',
  'src/api/attach.ts',
  'src/http/options.ts',
  'src/ai/options.ts',
  'src/infra/log/memory-log.ts',
  'src/infra/log/retention.ts',
  'src/infra/log/redis/options.ts',
  'src/infra/log/postgres/options.ts',
  'src/infra/log/relay/attach-relay.ts',
  'src/pool/relay-log.ts',
  'src/pool/api.ts',
  'src/client/options.ts',
  'src/inspector/options.ts',
];

it('SECURITY.md names every limit that is an option, and no other', () => {
  const declared = new Set(
    SOURCES.flatMap((file) =>
      [...read(file).matchAll(/^\s+(?:readonly )?(max[A-Z]\w*)\??: \w/gm)].map(([, name]) => name),
    ),
  );
  const named = new Set([...read('SECURITY.md').matchAll(/`(max[A-Z]\w*)`/g)].map(([, name]) => name));
  expect(named).toEqual(declared);
});
