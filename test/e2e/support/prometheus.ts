import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { freePort } from '../../support/free-port.ts';
import { toolPath } from '../../support/tool.ts';
import { isRecord } from './demo.ts';

/** How often a condition is looked at that only asking can tell. */
const LOOK_MS = 100;

/** One sample of an instant query. */
export interface Sample {
  readonly metric: Readonly<Record<string, unknown>>;
  readonly value: number;
}

/** A real Prometheus on loopback, scraping one target twice a second. */
export class Prometheus {
  readonly #child: ChildProcess;
  readonly #url: string;
  readonly #directory: string;
  #output = '';

  private constructor(directory: string, port: number) {
    this.#directory = directory;
    this.#url = `http://127.0.0.1:${port}`;
    this.#child = spawn(toolPath('prometheus'), [
      `--config.file=${join(directory, 'prometheus.yml')}`,
      `--storage.tsdb.path=${join(directory, 'data')}`,
      `--web.listen-address=127.0.0.1:${port}`,
      '--log.level=warn',
    ]);
    this.#child.stderr?.on('data', (text: Buffer) => (this.#output += text.toString()));
  }

  static async start({ target, rules }: { target: string; rules: string }): Promise<Prometheus> {
    const directory = await mkdtemp(join(tmpdir(), 'threadcast-prometheus-'));
    await writeFile(join(directory, 'alerts.yml'), rules);
    await writeFile(
      join(directory, 'prometheus.yml'),
      `global: { scrape_interval: 500ms, scrape_timeout: 500ms }
rule_files: [alerts.yml]
scrape_configs:
  - job_name: live
    static_configs: [{ targets: ['${target}'] }]
`,
    );
    const prometheus = new Prometheus(directory, await freePort());
    await prometheus.until(async () => (await fetch(`${prometheus.#url}/-/ready`)).ok);
    return prometheus;
  }

  /** Resolves when the answer is true; an answer that fails is not. */
  async until(isTrue: () => Promise<boolean>): Promise<void> {
    while (!(await isTrue().catch(() => false))) {
      if (this.#child.exitCode !== null) throw new Error(`prometheus has ended:\n${this.#output}`);
      await wait(LOOK_MS);
    }
  }

  /** @throws where the expression is none */
  async query(expression: string): Promise<readonly Sample[]> {
    const { result } = await this.#get(`query?query=${encodeURIComponent(expression)}`);
    return (Array.isArray(result) ? result : []).map(
      ({ metric, value }: { metric: Sample['metric']; value: unknown[] }) => ({
        metric,
        value: Number(value[1]),
      }),
    );
  }

  /** Names of the alerts that are firing now. */
  async firing(): Promise<readonly string[]> {
    const { alerts } = await this.#get('alerts');
    const all = Array.isArray(alerts) ? alerts.filter(isRecord) : [];
    return all.flatMap(({ state, labels }) =>
      state === 'firing' && isRecord(labels) ? [String(labels['alertname'])] : [],
    );
  }

  async end(): Promise<void> {
    this.#child.kill('SIGKILL');
    if (this.#child.exitCode === null && this.#child.signalCode === null) await once(this.#child, 'exit');
    await rm(this.#directory, { recursive: true });
  }

  async #get(path: string): Promise<Record<string, unknown>> {
    const response = await fetch(`${this.#url}/api/v1/${path}`);
    const answer: unknown = await response.json();
    if (!isRecord(answer) || !isRecord(answer['data'])) throw new Error(`${path}: ${JSON.stringify(answer)}`);
    return answer['data'];
  }
}
