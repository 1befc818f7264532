import type { Act, Look, RefusalBody, Sight } from '../protocol.ts';

const TOKEN_KEY = 'threadcast.inspector.token';

/** How long an answer may take. */
const PATIENCE_MS = 10_000;

/** The server answered, but not with what was asked for. */
export class Refused extends Error {
  readonly status: number;
  readonly code: string;

  constructor(status: number, { error, message }: RefusalBody) {
    super(message);
    this.status = status;
    this.code = error;
  }
}

/** Takes the token out of the address, which people copy, and keeps it for this tab. */
export function takeToken(): void {
  const token = new URLSearchParams(location.hash.slice(1)).get('token');
  if (token === null) return;
  setToken(token);
  history.replaceState(undefined, '', location.pathname + location.search);
}

export function setToken(token: string): void {
  sessionStorage.setItem(TOKEN_KEY, token);
}

/** @throws Refused, or what `fetch` throws */
export async function look(question: Look): Promise<Sight> {
  // the server of this page is of the same package: what it says is what `protocol.ts` says
  const sight: Sight = await post('api/look', question);
  return sight;
}

/** @throws Refused, or what `fetch` throws */
export async function act(action: Act): Promise<void> {
  await post('api/act', action);
}

async function post(path: string, body: unknown) {
  const token = sessionStorage.getItem(TOKEN_KEY);
  const response = await fetch(path, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      ...(token === null ? {} : { authorization: `Bearer ${token}` }),
    },
    body: JSON.stringify(body),
    signal: AbortSignal.timeout(PATIENCE_MS),
  });
  const answer = await response.json();
  if (!response.ok) throw new Refused(response.status, answer);
  return answer;
}
