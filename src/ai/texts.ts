/** Texts for the client. They say nothing of the inside. */
export const TEXTS = {
  busy: 'A response is already active for this chat.',
  forbidden: 'This chat is not available.',
  invalid: 'The messages are not valid.',
  full: 'The server is busy. Try again later.',
  failed: 'The request failed.',
  lost: 'The response was interrupted. Reload to see it.',
} as const;
