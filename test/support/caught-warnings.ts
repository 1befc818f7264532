import { onTestFinished, vi } from 'vitest';

/** The messages of this process's warnings, until the test ends; they are not printed. */
export function caughtWarnings(): readonly string[] {
  const messages: string[] = [];
  const emitWarning = vi.spyOn(process, 'emitWarning').mockImplementation((warning) => {
    messages.push(warning instanceof Error ? warning.message : warning);
  });
  onTestFinished(() => emitWarning.mockRestore());
  return messages;
}
