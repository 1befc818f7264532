import { parseArgs } from 'node:util';

/** How many clients of each kind are in the crowd. */
export interface CrowdSize {
  readonly healthy: number;
  readonly slow: number;
  readonly stopped: number;
}

export interface Flags extends CrowdSize {
  /** Play once, print the summary and exit with the verdict. */
  readonly once: boolean;
  /** Plays the recording this many times as fast. */
  readonly speed: number;
  /** The big result has 20 MB instead of 50. */
  readonly small: boolean;
  /** Lets the first healthy client forget a message: the check has to find that. */
  readonly forgetOne: boolean;
}

export const usage = `npm start -- [options]

  --once         play the conversation once, print a summary, exit 0 only if every healthy
                 client received every message exactly once and in order
  --healthy N    clients that read as fast as they can (default 20)
  --slow N       clients on a slow line (default 3)
  --stopped N    clients that stop reading in the middle of the conversation (default 1)
  --speed X      play X times as fast (default 1)
  --small        the big result has 20 MB instead of 50
  --forget-one   the first healthy client forgets one message, to see the check fail

Environment: PORT (default: a free one), OTEL_EXPORTER_OTLP_ENDPOINT (exports traces).`;

/** The command line, or the environment, asks for something that the demo does not know. */
export class UsageError extends Error {}

const options = {
  once: { type: 'boolean', default: false },
  healthy: { type: 'string', default: '20' },
  slow: { type: 'string', default: '3' },
  stopped: { type: 'string', default: '1' },
  speed: { type: 'string', default: '1' },
  small: { type: 'boolean', default: false },
  'forget-one': { type: 'boolean', default: false },
} as const;

/** @throws {UsageError} */
export function parseFlags(args: readonly string[]): Flags {
  const values = parse(args);
  return {
    once: values.once,
    healthy: integer('--healthy', values.healthy, 0, 1_000),
    slow: integer('--slow', values.slow, 0, 1_000),
    stopped: integer('--stopped', values.stopped, 0, 1_000),
    speed: inRange('--speed', Number(values.speed), 0.1, 100),
    small: values.small,
    forgetOne: values['forget-one'],
  };
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({ args: [...args], options }).values;
  } catch (cause) {
    throw new UsageError(cause instanceof Error ? cause.message : String(cause), { cause });
  }
}

/** The port to listen on; 0 for a free one. @throws {UsageError} */
export function parsePort(text: string | undefined): number {
  return text === undefined || text === '' ? 0 : integer('PORT', text, 0, 65_535);
}

function integer(name: string, text: string, min: number, max: number): number {
  const value = inRange(name, Number(text), min, max);
  if (!Number.isInteger(value)) throw new UsageError(`${name} must be a whole number, not ${text}`);
  return value;
}

function inRange(name: string, value: number, min: number, max: number): number {
  if (value >= min && value <= max) return value;
  throw new UsageError(`${name} must be a number from ${min} to ${max}`);
}
