import type { Crowd } from './crowd/crowd.ts';
import type { Hub } from 'threadcast';
import { formatBlock, type LoopProbe } from './loop-probe.ts';

/** What the display shows. */
export interface Scene {
  readonly hub: Hub;
  readonly crowd: Crowd;
  readonly probe: LoopProbe;
  readonly url: string;
  readonly inspectorUrl: string;
}

/** Something to watch while it plays. */
export interface Display {
  /** A line that stays: what happened. */
  note(text: string): void;
  stop(): void;
}

const ESC = '\u001b[';

/** One block that repaints itself on a terminal, a line a second anywhere else. */
export function startDisplay(scene: Scene, out: NodeJS.WriteStream = process.stdout): Display {
  return out.isTTY ? paintedDisplay(scene, out) : plainDisplay(scene, out);
}

function plainDisplay(scene: Scene, out: NodeJS.WriteStream): Display {
  const timer = setInterval(() => out.write(`${factsOf(scene).join(' | ')}\n`), 1_000);
  return {
    note: (text) => void out.write(`${text}\n`),
    stop: () => clearInterval(timer),
  };
}

function paintedDisplay(scene: Scene, out: NodeJS.WriteStream): Display {
  let painted = 0;
  const erase = (): string => (painted === 0 ? '' : `${ESC}${painted}A${ESC}J`);
  const paint = (above = ''): void => {
    const facts = factsOf(scene).map((fact) => `  ${fact}`);
    const lines = ['', `threadcast demo   ${scene.url}`, `inspector         ${scene.inspectorUrl}`, ...facts, ''];
    // a line that wraps would be two to erase
    const block = lines.map((line) => line.slice(0, Math.max(20, out.columns - 1)));
    out.write(`${erase()}${above}${block.join('\n')}\n`);
    painted = block.length;
  };
  const timer = setInterval(paint, 250);
  return {
    note: (text) => paint(`${text}\n`),
    stop() {
      clearInterval(timer);
      out.write(erase());
      painted = 0;
    },
  };
}

function factsOf({ hub, crowd, probe }: Scene): string[] {
  const { messagesPublished, deliveries, connections, connectionsEvicted } = hub.stats();
  const { open, retrying, tripped } = connections;
  const bytes = [...crowd.books.values()].reduce(
    (sum, { received }) => sum + received.reduce((s, m) => s + m.bytes, 0),
    0,
  );
  return [
    `messages ${messagesPublished}, deliveries ${deliveries}, ${(bytes / 1e6).toFixed(0)} MB received`,
    `open ${open}, retrying ${retrying}, tripped ${tripped}, evicted ${connectionsEvicted}`,
    `longest event-loop block ${formatBlock(probe.longestBlock)}`,
  ];
}
