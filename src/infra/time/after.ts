import type { Clock } from '../../api/clock.ts';
import { letGo } from './clock.ts';

/** Calls back after a time, without keeping the process alive. Returns what cancels it. */
export function after(clock: Clock, ms: number, callback: () => void): () => void {
  const timer = clock.setTimeout(callback, ms);
  letGo(timer);
  return () => clock.clearTimeout(timer);
}
