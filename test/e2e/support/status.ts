import { WebSocket } from 'ws';
import { isRecord } from './demo.ts';

/** Listens to what the hub says about itself, beside the page: every status message by its number. */
export class StatusWatch {
  readonly #bySeq = new Map<number, Record<string, unknown>>();
  readonly #socket: WebSocket;
  #onStatus: (() => void)[] = [];

  constructor(pageUrl: string) {
    this.#socket = new WebSocket(`${pageUrl.replace('http', 'ws')}ws?user=watch`, 'threadcast.v1.json');
    this.#socket.on('open', () => this.#socket.send(JSON.stringify({ t: 'join', th: 'demo.status' })));
    this.#socket.on('message', (data) => {
      const frame: unknown = JSON.parse(Buffer.isBuffer(data) ? data.toString() : '{}');
      const message = isRecord(frame) && frame['t'] === 'msg' ? frame['d'] : undefined;
      if (!isRecord(message) || !isRecord(message['states'])) return;
      this.#bySeq.set(Number(message['seq']), message['states']);
      for (const look of this.#onStatus.splice(0)) look();
    });
  }

  /** The numbers of connections per state in the status message with that number. */
  async states(seq: number): Promise<Record<string, unknown>> {
    for (;;) {
      const states = this.#bySeq.get(seq);
      if (states !== undefined) return states;
      if (Math.max(...this.#bySeq.keys()) > seq) throw new Error(`status ${seq} was dropped, or came before the watch`);
      await new Promise<void>((resolve) => this.#onStatus.push(resolve));
    }
  }

  close(): void {
    this.#socket.terminate();
  }
}
