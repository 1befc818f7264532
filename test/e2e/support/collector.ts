import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import { isRecord } from './demo.ts';

export interface ReceivedSpan {
  /** Of its resource: `service.instance.id`. */
  readonly instance: unknown;
  readonly name: string;
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId: string | undefined;
  readonly kind: number;
  readonly startMs: number;
  readonly endMs: number;
  readonly attributes: Readonly<Record<string, unknown>>;
  /** Ids of the spans that it links to. */
  readonly links: readonly string[];
}

/** A receiver for OTLP over HTTP, in its JSON encoding, on loopback. */
export class Collector {
  readonly spans: ReceivedSpan[] = [];
  /** Paths that were posted to. */
  readonly paths = new Set<string | undefined>();
  readonly #server = createServer();
  #onSpans: (() => void) | undefined;

  async start(): Promise<void> {
    this.#server.on('request', (request, response) => {
      this.paths.add(request.url);
      void this.#take(request).then(() => response.writeHead(200, { 'content-type': 'application/json' }).end('{}'));
    });
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
  }

  /** What a program needs in its environment to export here. */
  get environment(): Readonly<Record<string, string>> {
    const address = this.#server.address();
    if (address === null || typeof address === 'string') throw new Error('no port');
    return {
      OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${address.port}`,
      OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
    };
  }

  /** Resolves when the answer, looked for after each export, is not undefined. */
  async until<T>(find: (spans: readonly ReceivedSpan[]) => T | undefined): Promise<T> {
    for (;;) {
      const found = find(this.spans);
      if (found !== undefined) return found;
      await new Promise<void>((resolve) => {
        this.#onSpans = resolve;
      });
    }
  }

  close(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }

  async #take(request: IncomingMessage): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) if (Buffer.isBuffer(chunk)) chunks.push(chunk);
    const body: unknown = JSON.parse(Buffer.concat(chunks).toString());
    for (const resourceSpans of within([body], 'resourceSpans')) {
      const resource = isRecord(resourceSpans['resource']) ? resourceSpans['resource'] : {};
      const instance = attributesOf(resource)['service.instance.id'];
      const spans = within(within([resourceSpans], 'scopeSpans'), 'spans');
      this.spans.push(...spans.map((span) => readSpan(span, instance)));
    }
    this.#onSpans?.();
  }
}

/** All objects within a list of objects under a name, as OTLP nests them. */
function within(values: readonly unknown[], name: string): Record<string, unknown>[] {
  return values
    .filter(isRecord)
    .flatMap((value) => (Array.isArray(value[name]) ? value[name] : []))
    .filter(isRecord);
}

function attributesOf(holder: Record<string, unknown>): Record<string, unknown> {
  const attributes = within([holder], 'attributes').map(({ key, value }) => [
    String(key),
    isRecord(value) ? Object.values(value)[0] : undefined,
  ]);
  return Object.fromEntries(attributes);
}

function readSpan(span: Record<string, unknown>, instance: unknown): ReceivedSpan {
  return {
    instance,
    name: String(span['name']),
    traceId: String(span['traceId']),
    spanId: String(span['spanId']),
    parentSpanId: typeof span['parentSpanId'] === 'string' ? span['parentSpanId'] : undefined,
    kind: Number(span['kind']),
    startMs: Number(span['startTimeUnixNano']) / 1e6,
    endMs: Number(span['endTimeUnixNano']) / 1e6,
    attributes: attributesOf(span),
    links: within([span], 'links').map(({ spanId }) => String(spanId)),
  };
}
