import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { WebSocket } from 'ws';
import { isRecord } from '../../support/harness.ts';
import { toolPath } from '../../support/tool.ts';

type Fields = Record<string, unknown>;

/** A tab of `RawChromium`. */
export interface Tab {
  /** A command of the DevTools protocol. */
  readonly send: (method: string, params?: Fields) => Promise<Fields>;
  /** The value of an expression, which may be a promise. */
  readonly evaluate: (expression: string) => Promise<unknown>;
  /** Puts the tab in front: the others are hidden. */
  readonly show: () => Promise<void>;
}

/** A Chromium without Playwright, which keeps all of its pages visible: here, a tab behind another one is hidden and can be frozen. */
export class RawChromium {
  readonly #socket: WebSocket;
  readonly #answers = new Map<number, PromiseWithResolvers<Fields>>();
  #commands = 0;

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.on('message', (data: Buffer) => {
      const answer: unknown = JSON.parse(data.toString());
      if (!isRecord(answer)) return;
      const { id, result, error } = answer;
      const waiting = this.#answers.get(Number(id));
      this.#answers.delete(Number(id));
      if (isRecord(result)) waiting?.resolve(result);
      else waiting?.reject(new Error(JSON.stringify(error)));
    });
  }

  static async start(): Promise<RawChromium> {
    const profile = await mkdtemp(join(tmpdir(), 'threadcast-chromium-'));
    const quiet = [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-background-networking',
      '--disable-sync',
      '--no-first-run',
    ];
    const child = spawn(
      toolPath('chromium'),
      ['--headless=new', ...quiet, '--remote-debugging-port=0', `--user-data-dir=${profile}`, 'about:blank'],
      { stdio: ['ignore', 'ignore', 'pipe'] },
    );
    onTestFinished(async () => {
      const ended = once(child, 'close');
      child.kill();
      await ended;
      await rm(profile, { recursive: true, force: true, maxRetries: 5 });
    });
    const url = await new Promise<string>((resolve, reject) => {
      let said = '';
      child.stderr.on('data', (chunk) => {
        said += String(chunk);
        const [, address] = /DevTools listening on (\S+)/.exec(said) ?? [];
        if (address !== undefined) resolve(address);
      });
      child.once('close', () => reject(new Error(`Chromium does not start: ${said}`)));
    });
    const socket = new WebSocket(url);
    await once(socket, 'open');
    return new RawChromium(socket);
  }

  async open(url: string): Promise<Tab> {
    const { targetId } = await this.#send('Target.createTarget', { url });
    const { sessionId } = await this.#send('Target.attachToTarget', { targetId, flatten: true });
    const send = (method: string, params: Fields = {}): Promise<Fields> => this.#send(method, params, sessionId);
    return {
      send,
      evaluate: async (expression) => {
        const answer = await send('Runtime.evaluate', { expression, returnByValue: true, awaitPromise: true });
        return isRecord(answer['result']) ? answer['result']['value'] : undefined;
      },
      show: async () => void (await this.#send('Target.activateTarget', { targetId })),
    };
  }

  #send(method: string, params: Fields, sessionId?: unknown): Promise<Fields> {
    const id = ++this.#commands;
    const answer = Promise.withResolvers<Fields>();
    this.#answers.set(id, answer);
    this.#socket.send(JSON.stringify({ id, method, params, sessionId }));
    return answer.promise;
  }
}
