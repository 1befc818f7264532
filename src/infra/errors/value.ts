import { ThreadcastError } from './base.ts';

/** A value is too large, or the thread or the process has too many. Nothing has changed. */
export class ValueLimitError extends ThreadcastError {
  readonly code = 'TC_VALUE_LIMIT';
  readonly threadId: string;
  readonly key: string;
  /** The option of the hub, or of the log, that has the limit. */
  readonly limit:
    'values.maxKeys' | 'values.maxValueBytes' | 'values.maxBytes' | 'values.maxPerSecond' | 'log.maxValueBytes';
  readonly most: number;

  constructor(facts: Pick<ValueLimitError, 'threadId' | 'key' | 'limit' | 'most'>) {
    super(
      `value ${JSON.stringify(facts.key)} of thread ${facts.threadId} is beyond ${facts.limit}, which is ${facts.most}`,
    );
    this.threadId = facts.threadId;
    this.key = facts.key;
    this.limit = facts.limit;
    this.most = facts.most;
  }
}
