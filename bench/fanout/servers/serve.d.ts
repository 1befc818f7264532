import type { HubOptions } from '../../../src/index.ts';

/** How a contender is to be started: the benchmark's choices, from the command line. */
export interface ServerOptions {
  /** threadcast's wire format. */
  readonly format?: 'json' | 'plain';
  /** Whether messages may be compressed. */
  readonly deflate?: boolean;
  /**
   * threadcast only, what stands between the hub and the socket: its own `attach`, `accept` of a WebSocket of `ws`, or nothing.
   * @default 'own'
   */
  readonly link?: 'own' | 'ws' | 'none';
  /** threadcast only: OpenTelemetry's API without an SDK, or a tracer that does nothing at all. @default 'api' */
  readonly telemetry?: 'api' | 'none';
  /** threadcast only. @default none */
  readonly hub?: HubOptions;
}

export interface Contender {
  /** Where clients come, on 127.0.0.1; the query's `room` says which room they are in from then on. */
  readonly port: number;
  readonly versions: Readonly<Record<string, string>>;
  /** Sends one message to everybody in the room, as a user of the library would. */
  send(room: string, message: object): unknown;
  /** How many are in the room. */
  members(room: string): number;
  /** threadcast only: connections that its native sender has a descriptor of. */
  flying?(): number;
}

/** Runs a contender under the benchmark's commands until stdin ends. */
export function serve(start: (options: ServerOptions) => Contender | Promise<Contender>): Promise<void>;
