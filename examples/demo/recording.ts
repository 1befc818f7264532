import { readFile } from 'node:fs/promises';

/** One message of the recording. */
export type Line = MessageLine | RecipeLine;

export interface MessageLine {
  /** Milliseconds after the beginning. */
  readonly at: number;
  readonly message: Readonly<Record<string, unknown>>;
}

/** A message too big to be shipped: it is built again, in a worker, from a seed. */
export interface RecipeLine {
  readonly at: number;
  /** A name in the player's table of recipes: data must not be able to name code. */
  readonly recipe: string;
  readonly args: unknown;
  /** Of the message's JSON, as it was recorded. */
  readonly bytes: number;
  /** SHA-256 of the same. */
  readonly digest: string;
  /** The same in a smaller size, for machines with little CPU to spare. */
  readonly small: Pick<RecipeLine, 'args' | 'bytes' | 'digest'>;
}

/**
 * @param isSmall takes the smaller size of messages that have one
 * @throws {Error} naming the line that is none of a recording
 */
export async function readRecording(file: URL, isSmall: boolean): Promise<readonly Line[]> {
  const lines = (await readFile(file, 'utf8')).trimEnd().split('\n');
  return lines.map((text, i) => {
    const line: unknown = JSON.parse(text);
    if (isMessageLine(line)) return line;
    if (isRecipeLine(line)) return isSmall ? { ...line, ...line.small } : line;
    throw new Error(`${file.pathname}:${i + 1} is no line of a recording`);
  });
}

function isMessageLine(line: unknown): line is MessageLine {
  return isObject(line) && typeof line['at'] === 'number' && isObject(line['message']);
}

function isRecipeLine(line: unknown): line is RecipeLine {
  return (
    isObject(line) &&
    typeof line['at'] === 'number' &&
    typeof line['recipe'] === 'string' &&
    typeof line['bytes'] === 'number' &&
    typeof line['digest'] === 'string' &&
    isObject(line['small'])
  );
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}
