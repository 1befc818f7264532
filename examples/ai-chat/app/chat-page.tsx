import { useChat, type Chat } from '@ai-sdk/react';
import type { UIMessage, UIMessageChunk } from 'ai';
import { useEffect, useRef, useState, type FormEvent } from 'react';
import type { ThreadcastChatTransport } from 'threadcast/ai/client';
import type { Client } from 'threadcast/client';
import { MessageView } from './message-view.tsx';

/** What the recorded model has an answer for. */
const PROMPTS = [
  'Plan the launch of our app',
  'Compare the weather in Oslo and Lisbon',
  'Delete the old drafts',
  'Export all orders',
];

interface Props {
  readonly chat: Chat<UIMessage>;
  readonly client: Client;
  readonly transport: ThreadcastChatTransport<UIMessage, UIMessageChunk>;
}

export function ChatPage({ chat, client, transport }: Props) {
  const { messages, sendMessage, regenerate, status, error, addToolApprovalResponse } = useChat({ chat });
  const [text, setText] = useState('');
  const isBusy = status === 'submitted' || status === 'streaming';
  const end = useRef<HTMLDivElement>(null);
  useEffect(() => {
    end.current?.scrollIntoView({ block: 'end' });
  }, [messages]);

  const send = (question: string): void => {
    setText('');
    void sendMessage({ text: question });
  };
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    if (text.trim() !== '' && !isBusy) send(text);
  };

  return (
    <>
      <header>
        <h1>
          threadcast <span>AI chat</span>
        </h1>
        <Connection client={client} />
        <nav>
          <a href={location.href} target="_blank" rel="noreferrer">
            Second tab
          </a>
          <button type="button" onClick={() => location.reload()}>
            Reload
          </button>
          <button type="button" className="danger" onClick={() => void kill(client, chat.id)}>
            Kill this node
          </button>
        </nav>
      </header>
      <main role="log" aria-label="Messages">
        {messages.length === 0 && (
          <section className="welcome">
            <h2>Ask something, then disturb it.</h2>
            <p>
              Reload in the middle of an answer, open a second tab, go offline, stop it, or kill the node. The model is
              recorded, so no key is needed.
            </p>
          </section>
        )}
        {messages.map((message) => (
          <MessageView key={message.id} message={message} onApproval={addToolApprovalResponse} />
        ))}
        {status === 'submitted' && <p className="waiting">Thinking</p>}
        {error !== undefined && (
          <p role="alert" className="error">
            {error.message}
          </p>
        )}
        <div ref={end} />
      </main>
      <footer>
        <div className="prompts">
          {PROMPTS.map((prompt) => (
            <button key={prompt} type="button" disabled={isBusy} onClick={() => send(prompt)}>
              {prompt}
            </button>
          ))}
        </div>
        <form onSubmit={submit}>
          <input
            aria-label="Message"
            placeholder="Message"
            value={text}
            onChange={({ target }) => setText(target.value)}
            autoFocus
          />
          {isBusy ? (
            <button type="button" className="stop" onClick={() => transport.cancel(chat.id)}>
              Stop
            </button>
          ) : (
            <>
              <button type="button" disabled={messages.length === 0} onClick={() => void regenerate()}>
                Again
              </button>
              <button type="submit" className="send" disabled={text.trim() === ''}>
                Send
              </button>
            </>
          )}
        </form>
      </footer>
    </>
  );
}

/** The state of the connection, as the client has it. */
function Connection({ client }: { readonly client: Client }) {
  const [state, setState] = useState(client.state);
  useEffect(() => client.on('state', ({ to }) => setState(to)), [client]);
  return (
    <p role="status" data-state={state}>
      {state === 'open' ? 'connected' : 'reconnecting'}
    </p>
  );
}

/** The node of this page's connection ends as by `kill -9`. An answer that it makes ends with an error, in all tabs. */
async function kill(client: Client, chatId: string): Promise<void> {
  await client.publish(`chat:${chatId}`, { type: 'kill' });
}
