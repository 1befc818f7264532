import { Chat } from '@ai-sdk/react';
import { lastAssistantMessageIsCompleteWithApprovalResponses, type UIMessage, type UIMessageChunk } from 'ai';
import { createRoot } from 'react-dom/client';
import { chatTransport } from 'threadcast/ai/client';
import { connect } from 'threadcast/chunks';
import { ChatPage } from './chat-page.tsx';
// oxlint-disable-next-line import/no-unassigned-import
import './style.css';

// a chat has an address: open it in a second tab
const chatId = location.hash.slice(1) || Math.random().toString(36).slice(2, 8);
location.hash = chatId;

const client = connect('/ws', { backoff: { minMs: 200, maxMs: 2_000 } });
const transport = chatTransport<UIMessage, UIMessageChunk>(client);
const { messages } = await transport.loadMessages(chatId);
const chat = new Chat<UIMessage>({
  id: chatId,
  transport,
  messages,
  sendAutomaticallyWhen: lastAssistantMessageIsCompleteWithApprovalResponses,
});
// what other tabs ask for, and an answer in progress
transport.follow(chat);
// for the console
Object.assign(globalThis, { chat });

const root = document.querySelector('#root');
if (root !== null) createRoot(root).render(<ChatPage {...{ chat, client, transport }} />);
