import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Health, HealthHandlerOptions } from '../../api/health.ts';
import { InvalidOptionError } from '../../infra/errors.ts';
import { checkMethods } from '../../infra/option-checks.ts';
import { checkOptions, type OptionTable } from '../../infra/option-table.ts';
import { pathOf } from '../../infra/socket/request-target.ts';

/** The part of a hub that the probes ask. */
interface HealthSource {
  health(): Health;
}

/**
 * Answers requests of probes.
 * @returns whether the request is one; if not, `next` is called if there is one
 */
export type HealthHandler = (request: IncomingMessage, response: ServerResponse, next?: () => void) => boolean;

const OPTIONS: OptionTable<HealthHandlerOptions> = { livePath: 'text', readyPath: 'text' };

/**
 * Answers the probes of an orchestrator or a load balancer, with the hub's health as JSON:
 *
 * ```ts
 * const health = healthHandler(hub); // GET /livez and /readyz: 200 or 503
 * createServer((request, response) => health(request, response) || app(request, response));
 * ```
 *
 * In a framework it is a middleware. The answer has no secrets.
 *
 * @throws InvalidOptionError (`TC_INVALID_OPTION`)
 */
export function healthHandler(hub: HealthSource, options: HealthHandlerOptions = {}): HealthHandler {
  if (checkMethods<HealthSource | undefined>('hub', hub, ['health']) === undefined)
    throw new InvalidOptionError({ option: 'hub', value: hub, expected: 'a hub' });
  checkOptions<HealthHandlerOptions>(options, OPTIONS);
  const { livePath = '/livez', readyPath = '/readyz' } = options;
  assertPath('livePath', livePath);
  assertPath('readyPath', readyPath);
  if (livePath === readyPath)
    throw new InvalidOptionError({ option: 'readyPath', value: readyPath, expected: 'another path than livePath' });

  return (request, response, next) => {
    const path = pathOf(request);
    if (path !== livePath && path !== readyPath) {
      next?.();
      return false;
    }
    // a failing response has no other error listener
    response.on('error', () => {});
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      response.writeHead(405, { allow: 'GET, HEAD' }).end();
      return true;
    }
    const health = hub.health();
    const isGood = path === livePath ? health.live : health.ready;
    const body = Buffer.from(JSON.stringify(health));
    response.writeHead(isGood ? 200 : 503, {
      'content-type': 'application/json',
      'content-length': body.length,
      'cache-control': 'no-store',
    });
    response.end(body);
    return true;
  };
}

function assertPath(option: string, path: string): void {
  if (!/^\/[^?#\s]*$/.test(path))
    throw new InvalidOptionError({ option, value: path, expected: 'a path that begins with a slash' });
}
