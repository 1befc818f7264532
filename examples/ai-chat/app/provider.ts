import { convertToModelMessages, createGateway, streamText, type UIMessage } from 'ai';

const { AI_MODEL = '', AI_GATEWAY_URL } = process.env;

// the key is AI_GATEWAY_API_KEY
const gateway = createGateway(AI_GATEWAY_URL === undefined ? {} : { baseURL: AI_GATEWAY_URL });

/**
 * A real model: `AI_MODEL=openai/gpt-5-mini AI_GATEWAY_API_KEY=… npm run example:ai-chat`. It is asked through the AI gateway, or what speaks
 * its protocol at `AI_GATEWAY_URL`; import a provider of the AI SDK for any other way.
 */
export async function answer(messages: UIMessage[], signal: AbortSignal) {
  return streamText({
    model: gateway(AI_MODEL),
    messages: await convertToModelMessages(messages),
    abortSignal: signal,
  });
}
