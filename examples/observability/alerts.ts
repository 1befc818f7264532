import { growth, quantile } from './queries.ts';

interface Alert {
  readonly name: string;
  readonly expression: string;
  readonly severity: 'page' | 'ticket';
  readonly summary: string;
  readonly description: string;
}

/** Thresholds are for a minute; a shorter window has its share of them. */
const MINUTE_SECONDS = 60;

function alerts(windowSeconds: number): readonly Alert[] {
  const scope = { labels: '', window: windowSeconds === MINUTE_SECONDS ? '1m' : `${windowSeconds}s` };
  const share = windowSeconds / MINUTE_SECONDS;
  const counted = (name: string, perMinute: number): string =>
    `sum by (job) (${growth('increase', name, scope)}) > ${perMinute * share}`;
  return [
    {
      name: 'ThreadcastSendTimeouts',
      expression: counted('threadcast.send.timeouts', 100),
      severity: 'ticket',
      summary: 'More than 100 send timeouts a minute',
      description: '{{ $labels.job }}: {{ $value | humanize }} times peers took nothing for sendTimeoutMs.',
    },
    {
      name: 'ThreadcastTimeoutFailures',
      expression: counted('threadcast.timeout.failures', 10),
      severity: 'page',
      summary: 'More than 10 failed deliveries a minute',
      description: '{{ $labels.job }}: {{ $value | humanize }} deliveries timed out with all their retries.',
    },
    {
      name: 'ThreadcastSlowSerialization',
      expression: `${quantile(0.95, 'threadcast.serialization.duration', scope, { by: ['job'] })} > 0.1`,
      severity: 'page',
      summary: 'The 95th percentile of the serialization is above 100 ms',
      description: '{{ $labels.job }}: {{ $value | humanizeDuration }} from the call of send to the bytes.',
    },
  ];
}

/**
 * A rule file for Prometheus.
 * @param windowSeconds what is looked at; 60 but in a test that must not take minutes
 */
export function alertRules({ windowSeconds = MINUTE_SECONDS, intervalSeconds = 15 } = {}): string {
  const rules = alerts(windowSeconds).map(
    ({ name, expression, severity, summary, description }) => `      - alert: ${name}
        expr: >-
          ${expression}
        labels:
          severity: ${severity}
        annotations:
          summary: ${quoted(summary)}
          description: ${quoted(description)}
          runbook: ${quoted(`docs/observability.md#${name.toLowerCase()}`)}
`,
  );
  return `# Made by generate.ts from alerts.ts. Scrape every 15 seconds, 30 at the most: in a minute with one sample nothing grows, and nothing rings.
groups:
  - name: threadcast
    interval: ${Number.isInteger(intervalSeconds) ? `${intervalSeconds}s` : `${intervalSeconds * 1_000}ms`}
    rules:
${rules.join('\n')}`;
}

/** A JSON string is a YAML one. */
function quoted(text: string): string {
  return JSON.stringify(text);
}
