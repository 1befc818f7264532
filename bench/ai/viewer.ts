import { get, request } from 'node:http';
import type { IncomingMessage } from 'node:http';
import { WebSocket } from 'ws';

/** A client that asks for the answer, or resumes it. */
export interface Viewer {
  /** Resolves when it has this text, with the bytes that its socket has received. */
  has(text: string): Promise<number>;
  close(): void;
}

/** Looks for a text in what arrives. */
class Watch {
  bytes: () => number = () => 0;
  #tail = '';
  #text = '';
  #found = (): void => {};

  take(data: unknown): void {
    this.#tail = (this.#tail + String(data)).slice(-65_536);
    this.#look();
  }

  has(text: string): Promise<number> {
    return new Promise((resolve) => {
      this.#text = text;
      this.#found = () => resolve(this.bytes());
      this.#look();
    });
  }

  #look(): void {
    if (this.#text !== '' && this.#tail.includes(this.#text)) this.#found();
  }
}

/** @param isFirst asks for the answer */
export function openViewer(kind: 'socket' | 'events', port: number, isFirst: boolean): Promise<Viewer> {
  return kind === 'socket' ? openSocket(port, isFirst) : openEvents(port, isFirst);
}

function openSocket(port: number, isFirst: boolean): Promise<Viewer> {
  const watch = new Watch();
  // compression would hide what is sent
  const socket = new WebSocket(`ws://127.0.0.1:${port}/api/chat`, { perMessageDeflate: false });
  socket.on('upgrade', ({ socket: { bytesRead }, socket: tcp }) => (watch.bytes = () => tcp.bytesRead - bytesRead));
  socket.on('message', (data) => watch.take(data));
  const about = { requestId: 'r', id: 'c', headers: {}, body: {} };
  const message = { id: 'u', role: 'user', parts: [{ type: 'text', text: 'go' }] };
  const asking = { ...about, type: 'send', trigger: 'submit-message', messages: [message] };
  return new Promise((resolve, reject) => {
    socket.once('error', reject);
    socket.once('open', () => {
      socket.send(JSON.stringify(isFirst ? asking : { ...about, type: 'resume' }));
      resolve({ has: (text) => watch.has(text), close: () => socket.terminate() });
    });
  });
}

function openEvents(port: number, isFirst: boolean): Promise<Viewer> {
  const watch = new Watch();
  return new Promise((resolve, reject) => {
    const take = (response: IncomingMessage): void => {
      watch.bytes = () => response.socket.bytesRead;
      response.on('data', (data) => watch.take(data));
      resolve({ has: (text) => watch.has(text), close: () => response.destroy() });
    };
    const url = `http://127.0.0.1:${port}/`;
    const asked = isFirst
      ? request(url, { method: 'POST', agent: false }, take).end()
      : get(url, { agent: false }, take);
    asked.once('error', reject);
  });
}
