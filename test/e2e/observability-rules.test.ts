import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { alertRules } from '../../examples/observability/alerts.ts';
import { dashboard, dashboardExpressions } from '../../examples/observability/dashboard.ts';
import { HISTOGRAMS } from '../../src/infra/telemetry/histograms.ts';
import { INSTRUMENTS } from '../../src/infra/telemetry/instruments.ts';
import { toolPath } from '../support/tool.ts';

const run = promisify(execFile);
const example = new URL('../../examples/observability/', import.meta.url);

interface Case {
  readonly alert: string;
  /** Series with what they grow by from one scrape to the next. */
  readonly series: Readonly<Record<string, string>>;
  /** At which minutes it fires, of 1 to 8. */
  readonly firesAt: readonly number[];
}

/** What Prometheus' own tool says of the rules, evaluated over made-up series. */
async function verdict(cases: readonly Case[], scrapeSeconds = 15): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'threadcast-rules-'));
  try {
    await writeFile(join(directory, 'alerts.yml'), alertRules());
    // JSON is YAML
    const tests = cases.map(({ alert, series, firesAt }) => ({
      interval: `${scrapeSeconds}s`,
      input_series: Object.entries(series).map(([name, values]) => ({ series: name, values })),
      alert_rule_test: [1, 2, 3, 4, 5, 6, 7, 8].map((minute) => ({
        eval_time: `${minute}m`,
        alertname: alert,
        exp_alerts: firesAt.includes(minute) ? [expected(alert)] : [],
      })),
    }));
    const file = join(directory, 'test.yml');
    await writeFile(file, JSON.stringify({ rule_files: ['alerts.yml'], evaluation_interval: '15s', tests }));
    const { stdout } = await run(toolPath('promtool'), ['test', 'rules', file]).catch(
      (error: { stdout: string }) => error,
    );
    return stdout;
  } finally {
    await rm(directory, { recursive: true });
  }
}

/** What is expected of an alert is all of it: the words are taken from the rules. */
function expected(alert: string): object {
  const rule = new RegExp(
    `alert: ${alert}\\n[^]*?severity: (\\w+)[^]*?summary: (".*")\\n[^]*?description: (".*")\\n[^]*?runbook: (".*")`,
  );
  const [, severity, summary = '""', , runbook = '""'] = rule.exec(alertRules()) ?? [];
  const values: Record<string, string> = {
    ThreadcastSendTimeouts: 'a: 104 times peers took nothing for sendTimeoutMs.',
    ThreadcastTimeoutFailures: 'a: 12 deliveries timed out with all their retries.',
    ThreadcastSlowSerialization: 'a: 125ms from the call of send to the bytes.',
  };
  return {
    exp_labels: { job: 'a', severity },
    exp_annotations: { summary: JSON.parse(summary), description: values[alert], runbook: JSON.parse(runbook) },
  };
}

/** A histogram that gets 100 values each 15 s, `upTo100Ms` of them between 50 and 100 ms, the others up to 250. */
function buckets(name: string, upTo100Ms: number): Record<string, string> {
  const bounds = [
    ['0.05', 0],
    ['0.1', upTo100Ms],
    ['0.25', 100],
    ['+Inf', 100],
  ] as const;
  return Object.fromEntries(bounds.map(([le, perStep]) => [`${name}{job="a",le="${le}"}`, `0+${perStep}x40`]));
}

describe('the alert rules', () => {
  it('are what their generator makes, and so is the dashboard', () => {
    expect(readFileSync(new URL('alerts.yml', example), 'utf8')).toBe(alertRules());
    expect(readFileSync(new URL('dashboard.json', example), 'utf8')).toBe(dashboard());
  });

  it('have a dashboard beside them that shows every metric', () => {
    const shown = dashboardExpressions('1m', 'a').join('\n');
    const names = [...INSTRUMENTS, ...Object.values(HISTOGRAMS)].map(({ name }) => name.replaceAll('.', '_'));
    expect(names.filter((name) => !shown.includes(name))).toEqual([]);
  });

  it('are rules to promtool, and so is the configuration', async () => {
    const { stdout } = await run(toolPath('promtool'), ['check', 'rules', new URL('alerts.yml', example).pathname]);
    expect(stdout).toContain('3 rules found');
    const { stdout: config } = await run(toolPath('promtool'), [
      'check',
      'config',
      new URL('prometheus.yml', example).pathname,
    ]);
    expect(config).toContain('is valid');
  });

  it('count timeouts and failures: silent at the threshold, under every spelling of the name, over all instances', async () => {
    const timeouts = { alert: 'ThreadcastSendTimeouts' } as const;
    const failures = { alert: 'ThreadcastTimeoutFailures' } as const;
    const all = [2, 3, 4, 5, 6, 7, 8];
    const said = await verdict([
      { ...timeouts, series: { 'threadcast_send_timeouts_total{job="a"}': '0+25x40' }, firesAt: [] },
      { ...timeouts, series: { 'threadcast_send_timeouts_total{job="a"}': '0+26x40' }, firesAt: [1, ...all] },
      { ...timeouts, series: { 'threadcast_send_timeouts{job="a"}': '0+25x40' }, firesAt: [] },
      { ...timeouts, series: { 'threadcast_send_timeouts{job="a"}': '0+26x40' }, firesAt: [1, ...all] },
      {
        ...timeouts,
        series: {
          'threadcast_send_timeouts_total{job="a",instance="1"}': '0+13x40',
          'threadcast_send_timeouts_total{job="a",instance="2"}': '0+13x40',
          'threadcast_send_timeouts_total{job="b",instance="3"}': '0+13x40',
        },
        firesAt: [1, ...all],
      },
      // resolves when it is over
      { ...timeouts, series: { 'threadcast_send_timeouts_total{job="a"}': '0+26x16 416+0x40' }, firesAt: [1, 2, 3, 4] },
      // 10 a minute, in lumps that a rate would make more of
      {
        ...failures,
        series: { 'threadcast_timeout_failures_total{job="a"}': '0 5 5 10 10 15 15 20 20 25 25 30 30' },
        firesAt: [],
      },
      { ...failures, series: { 'threadcast_timeout_failures_total{job="a"}': '0+3x40' }, firesAt: [1, ...all] },
      { ...failures, series: { 'threadcast_timeout_failures{job="a"}': '0+3x40' }, firesAt: [1, ...all] },
    ]);
    expect(said).toContain('SUCCESS');
    expect(said).not.toContain('FAILED');
  });

  it('ring where the hub is scraped every 30 seconds', async () => {
    const said = await verdict(
      [
        {
          alert: 'ThreadcastTimeoutFailures',
          series: { 'threadcast_timeout_failures_total{job="a"}': '0+6x20' },
          firesAt: [1, 2, 3, 4, 5, 6, 7, 8],
        },
      ],
      30,
    );
    expect(said).toContain('SUCCESS');
    expect(said).not.toContain('FAILED');
  });

  it('look at the p95 of the serialization: silent at exactly 100 ms, with the unit in the name and without', async () => {
    const alert = 'ThreadcastSlowSerialization';
    const names = ['threadcast_serialization_duration_bucket', 'threadcast_serialization_duration_seconds_bucket'];
    const cases = names.flatMap((name) => [
      // of 100 in each step, 95 up to 100 ms: the p95 is on the boundary
      { alert, series: buckets(name, 95), firesAt: [] },
      { alert, series: buckets(name, 94), firesAt: [1, 2, 3, 4, 5, 6, 7, 8] },
    ]);
    const said = await verdict(cases);
    expect(said).toContain('SUCCESS');
    expect(said).not.toContain('FAILED');
  });
});
