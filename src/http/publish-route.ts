import type { Connection } from '../api/connection.ts';
import { costs, isTooComplex } from '../actors/connection/input-costs.ts';
import { Publishing, type Publisher } from '../actors/connection/publishing.ts';
import type { HubDoor } from '../actors/gateway/hub-door.ts';
import { AnswerTimeoutError, AnswerTooLargeError, InvalidAnswerError, ThreadcastError } from '../infra/errors.ts';
import { isId } from '../infra/log/ids.ts';
import { weighJson } from '../infra/wire/json-weight.ts';
import { AbsentConnection } from './absent-connection.ts';
import type { Admission, Visitor } from './admission.ts';
import type { Exchange } from './exchange.ts';
import { Problem, problemOf } from './problem.ts';

/** The application's own failures, about a request that was in order. */
const ANSWER_ERRORS = [AnswerTimeoutError, AnswerTooLargeError, InvalidAnswerError];

/** The body of a request that has to be JSON, parsed. @throws Problem */
export function parseBody(
  bytes: Buffer,
  { headers }: Pick<Exchange, 'headers'>,
  visitor: Visitor,
  admission: Admission,
  maxInputBytes: number,
): unknown {
  // a page of another site can send other types with a user's cookies, without having asked (Fetch standard, section 2.2.2)
  if (!/^application\/(?:[\w.-]+\+)?json\b/i.test(headers['content-type'] ?? ''))
    throw new Problem(415, 'unsupported-media-type', 'send application/json, or bytes as application/octet-stream');
  const weight = weighJson(bytes);
  admission.charge(visitor, costs.request + costs.arrival(bytes.length, maxInputBytes) + costs.parsing(weight));
  if (isTooComplex(weight, maxInputBytes)) throw problemOf('too-complex');
  try {
    return JSON.parse(bytes.toString());
  } catch {
    throw new Problem(400, 'bad-request', 'the body is no JSON');
  }
}

/** The message in the body of a post: bytes, or JSON. @throws Problem */
export function messageIn(
  bytes: Buffer,
  exchange: Pick<Exchange, 'headers'>,
  visitor: Visitor,
  admission: Admission,
  maxInputBytes: number,
): unknown {
  if (!/^application\/octet-stream\b/i.test(exchange.headers['content-type'] ?? ''))
    return parseBody(bytes, exchange, visitor, admission, maxInputBytes);
  admission.charge(visitor, costs.request + costs.arrival(bytes.length, maxInputBytes));
  return new Uint8Array(bytes);
}

/**
 * Publishes what was posted, as a `pub` of a connection does.
 * @param hub its `connection` is the event stream of the same client, if it has named one
 * @returns the JSON of the answer
 * @throws Problem
 */
export async function publish(
  threadId: string,
  data: unknown,
  visitor: Visitor,
  exchange: Exchange,
  hub: { admission: Admission; door: HubDoor; connection: Connection | undefined },
): Promise<string> {
  const { admission, door, connection } = hub;
  const settings = admission.settingsOf(visitor, exchange);
  const { context, port } = door;
  const publisher: Publisher = {
    settings,
    connection: connection ?? new AbsentConnection(settings),
    get isOver() {
      return !context.status.isRunning;
    },
    isIn: () => false,
    mayPublish: (id) => admission.isAllowedIn(visitor, id),
    emit: () => false,
  };
  let answer: string | undefined;
  const services = { ...context, publications: port.publications };
  const publishing = new Publishing(publisher, services, {
    accept: (_, { mid, pos, data: json, isBytes }) => {
      const fields = JSON.stringify({ id: mid, position: pos, enc: isBytes ? 'base64' : undefined });
      answer = json === undefined ? fields : `${fields.slice(0, -1)},"data":${json}}`;
    },
    refuse: (_, code, { why, paths } = { why: '' }) => {
      throw problemOf(code, why, paths && { paths });
    },
  });
  const { traceparent } = exchange.headers;
  const tp = typeof traceparent === 'string' ? traceparent : undefined;
  const id = keyIn(exchange) ?? context.newId();
  try {
    await publishing.perform({ t: 'pub', th: threadId, id, d: data, tp });
  } catch (error) {
    const isOurs = ANSWER_ERRORS.some((kind) => error instanceof kind);
    if (isOurs && error instanceof ThreadcastError) context.report(error);
    throw error;
  }
  if (answer === undefined) throw new Problem(503, 'unavailable', 'the server stops');
  return answer;
}

/** The key as it is, or as a text in quotes (RFC 9651 section 3.3.3, as the draft of the header has it). */
function keyIn({ headers }: Exchange): string | undefined {
  const header = headers['idempotency-key'];
  if (header === undefined) return undefined;
  const [, key = header] = typeof header === 'string' ? (/^"(.*)"$/.exec(header) ?? []) : [];
  if (isId(key)) return key;
  throw new Problem(400, 'TC_INVALID_OPTION', 'Idempotency-Key has 1 to 128 characters of A-Z a-z 0-9 _ . : -');
}
