import { useChat } from '@ai-sdk/react';
import {
  isToolUIPart,
  lastAssistantMessageIsCompleteWithApprovalResponses,
  WebSocketChatTransport,
  type UIMessage,
} from 'ai';
import { useMemo } from 'react';
import { createRoot } from 'react-dom/client';

// As docs/ai.md has it: the stock transport and useChat, without any client code of ours. Messages come from the application.

const id = location.hash.slice(1);
const loaded: UIMessage[] = await (await fetch(`/messages?chat=${id}`)).json();

function Page() {
  const transport = useMemo(() => new WebSocketChatTransport<UIMessage>({ url: '/api/chat' }), []);
  const chat = useChat({
    id,
    transport,
    messages: loaded,
    resume: true,
    sendAutomaticallyWhen: lastAssistantMessageIsCompleteWithApprovalResponses,
  });
  const { messages, status, sendMessage, regenerate, stop, addToolApprovalResponse } = chat;
  Object.assign(globalThis, { chat: { messages, status, error: String(chat.error ?? '') } });
  const asked = messages
    .flatMap(({ parts }) => parts.filter(isToolUIPart))
    .find(({ state }) => state === 'approval-requested')?.approval;
  return (
    <main>
      {['Plan the launch', 'Compare the weather', 'Delete the old drafts'].map((text) => (
        <button key={text} onClick={() => void sendMessage({ text })}>
          {text}
        </button>
      ))}
      <button onClick={() => void stop()}>Stop</button>
      <button onClick={() => void regenerate()}>Again</button>
      {asked !== undefined && (
        <button onClick={() => void addToolApprovalResponse({ id: asked.id, approved: true })}>Approve</button>
      )}
      {messages.map(({ id: key, role, parts }) => (
        <p key={key}>
          {role}: {parts.map((part) => (part.type === 'text' ? part.text : '')).join(' ')}
        </p>
      ))}
    </main>
  );
}

const root = document.querySelector('#root');
if (root !== null) createRoot(root).render(<Page />);
