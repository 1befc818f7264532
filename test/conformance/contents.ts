/** What a stream holds, and so what its messages are: JSON, texts, or bytes in base64. */
export type Kind = 'json' | 'text' | 'bytes';

/** The body of an answer: what the texts of a JSON array hold. */
export function asBytes(json: string, kind: Kind): Buffer {
  return Buffer.concat(textsIn(json).map((text) => Buffer.from(text, kind === 'bytes' ? 'base64' : 'utf8')));
}

/** The events of an answer, the data of each unpacked. */
export async function* asEvents(body: ReadableStream<Uint8Array>, kind: Kind): AsyncGenerator<string> {
  let held = '';
  const decoder = new TextDecoder();
  for await (const chunk of body) {
    held += decoder.decode(chunk, { stream: true });
    for (let end = held.indexOf('\n\n'); end >= 0; end = held.indexOf('\n\n')) {
      const event = held.slice(0, end);
      held = held.slice(end + 2);
      yield unpacked(event, kind);
    }
  }
}

const DATA = 'event: data\ndata:';

function unpacked(event: string, kind: Kind): string {
  if (!event.startsWith(DATA)) return `${event}\n\n`;
  const text = textsIn(event.slice(DATA.length)).join('');
  const lines = kind === 'bytes' ? [text] : text.split(/\r\n|\r|\n/);
  return `event: data\n${lines.map((line) => `data:${line}\n`).join('')}\n`;
}

function textsIn(json: string): string[] {
  const texts: unknown = JSON.parse(json);
  return Array.isArray(texts) ? texts.map(String) : [];
}
