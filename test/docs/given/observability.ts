import type { Server } from 'node:http';
import type { SpanExporter } from '@opentelemetry/sdk-trace';
import type { Hub } from 'threadcast';

export declare const hub: Hub;
export declare const server: Server;
export declare const exporter: SpanExporter;
export declare function authenticate(): { userId: string };
export declare function authorize(): boolean;
