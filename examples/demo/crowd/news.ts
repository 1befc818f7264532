import type { Received } from '../audit.ts';

/** What the crowd's process tells its parent, in batches. */
export type News =
  | { readonly what: 'joined'; readonly user: string; readonly isResume: boolean; readonly recovered: number }
  /** `streamed`: UTF-16 units of its text that had come as a token stream before it. */
  | { readonly what: 'got'; readonly user: string; readonly message: Received; readonly streamed: number }
  | { readonly what: 'gap'; readonly user: string; readonly why: string }
  | { readonly what: 'closed'; readonly user: string; readonly code: number };

/** The client that visitors may stall and drop. */
export const PHONE = 'phone';

/** What the parent asks of one client: to stop reading, to go on, to lose its line. */
export interface Order {
  readonly order: 'stop' | 'wake' | 'drop';
  readonly user: string;
}

/** Both sides are ours, started from the same files: the shape is not checked any deeper. */
export function isNews(value: unknown): value is readonly News[] {
  return Array.isArray(value);
}

export function isOrder(value: unknown): value is Order {
  return typeof value === 'object' && value !== null && 'order' in value && 'user' in value;
}
