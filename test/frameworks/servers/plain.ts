import type { IncomingMessage, ServerResponse } from 'node:http';

/** The pages of a server without a framework. */
export function answerPlainly({ url = '/' }: IncomingMessage, response: ServerResponse): void {
  const { pathname, searchParams } = new URL(url, 'http://localhost');
  if (pathname === '/login') {
    response.setHeader('set-cookie', `user=${searchParams.get('user') ?? ''}`).end('signed in');
  } else if (pathname === '/page') response.end('a page');
  else response.writeHead(404).end();
}
