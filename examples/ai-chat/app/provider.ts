import { convertToModelMessages, streamText, type UIMessage } from 'ai';

/**
 * A real model: `AI_MODEL=openai/gpt-5-mini AI_GATEWAY_API_KEY=… npm run example:ai-chat`. A text as the model goes to the AI gateway; import a
 * provider of the AI SDK for any other way.
 */
export async function answer(messages: UIMessage[], signal: AbortSignal) {
  return streamText({
    model: process.env['AI_MODEL'] ?? '',
    messages: await convertToModelMessages(messages),
    abortSignal: signal,
  });
}
