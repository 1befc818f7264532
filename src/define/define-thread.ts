import type { ShapeOf, ThreadDefinition, ThreadId, ThreadParts } from '../api/definition.ts';
import { InvalidOptionError } from '../infra/errors/base.ts';
import { InvalidThreadIdError } from '../infra/errors/hub.ts';
import { checkParts } from './check-parts.ts';
import { isThreadId } from './thread-id.ts';

/**
 * Defines threads for server and client: what is sent there, what clients publish, and the ids.
 *
 * ```ts
 * export const room = defineThread('room:*', { message: z.object({ text: z.string() }) });
 * const hub = createHub({ threads: [room] });
 * await hub.thread(room('42')).send({ text: 'hi' });
 * for await (const { data } of client.join(room('42'))) show(data.text);
 * ```
 *
 * The server checks what clients publish, and in development what the application sends. A schema describes JSON: what it gives is sent as
 * JSON, and not parsed by a schema again in the client.
 *
 * @param pattern a thread id with one `*`, at its end, which stands for any text that is not empty
 * @throws InvalidOptionError (`TC_INVALID_OPTION`)
 */
export function defineThread<const Pattern extends `${string}*`, const Parts extends ThreadParts>(
  pattern: Pattern,
  parts: Parts,
): ThreadDefinition<ShapeOf<Pattern, Parts>> {
  type Id = ThreadId<ShapeOf<Pattern, Parts>>;
  const prefix = prefixOf(pattern);
  const matches = (threadId: string): threadId is Id => threadId.length > prefix.length && threadId.startsWith(prefix);
  const idOf = (rest: string): Id => {
    const id = typeof rest === 'string' ? prefix + rest : rest;
    if (!isThreadId(id) || !matches(id)) throw new InvalidThreadIdError(id);
    return id;
  };
  return Object.assign(idOf, {
    pattern,
    parts: checkParts(pattern, parts),
    matches,
    restOf: (threadId: string) => (matches(threadId) ? threadId.slice(prefix.length) : undefined),
  });
}

/** @throws InvalidOptionError */
function prefixOf(pattern: unknown): string {
  const prefix = typeof pattern === 'string' && pattern.endsWith('*') ? pattern.slice(0, -1) : '*';
  if (!prefix.includes('*') && isThreadId(`${prefix}-`)) return prefix;
  throw new InvalidOptionError({
    option: 'pattern',
    value: pattern,
    expected: "a thread id that ends with its only '*'",
  });
}
