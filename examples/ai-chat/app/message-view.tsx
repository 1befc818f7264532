import { isToolUIPart, type ChatAddToolApproveResponseFunction, type UIMessage } from 'ai';

interface Props {
  readonly message: UIMessage;
  readonly onApproval: ChatAddToolApproveResponseFunction;
}

type Part = UIMessage['parts'][number];

export function MessageView({ message, onApproval }: Props) {
  return (
    <article className={message.role}>
      {message.parts.map((part, index) => (
        <PartView key={index} part={part} onApproval={onApproval} />
      ))}
    </article>
  );
}

function PartView({ part, onApproval }: { readonly part: Part; readonly onApproval: Props['onApproval'] }) {
  if (part.type === 'text') return <Text text={part.text} />;
  if (part.type === 'reasoning')
    return (
      <details className="reasoning" open={part.state === 'streaming'}>
        <summary>{part.state === 'streaming' ? 'Reasoning' : 'Reasoned'}</summary>
        <Text text={part.text} />
      </details>
    );
  if (part.type === 'data-progress') return <Progress data={part.data} />;
  if (isToolUIPart(part)) return <Tool part={part} onApproval={onApproval} />;
  return null;
}

const Text = ({ text }: { readonly text: string }) =>
  text.split('\n\n').map((paragraph, i) => <p key={i}>{paragraph}</p>);

function Progress({ data }: { readonly data: unknown }) {
  if (!isProgress(data)) return null;
  const { label, done } = data;
  return (
    <label className="progress">
      <span>{label}</span>
      <progress value={done} max={1} />
    </label>
  );
}

function isProgress(data: unknown): data is { readonly label: string; readonly done: number } {
  return typeof data === 'object' && data !== null && 'label' in data && 'done' in data;
}

type ToolPart = Extract<Part, { toolCallId: string }>;

/** How far a tool call is. */
const STATES: Readonly<Record<ToolPart['state'], string>> = {
  'input-streaming': 'is asked',
  'input-available': 'works',
  'approval-requested': 'needs your approval',
  'approval-responded': 'was answered',
  'output-available': 'done',
  'output-error': 'failed',
  'output-denied': 'denied',
};

function Tool({ part, onApproval }: { readonly part: ToolPart; readonly onApproval: Props['onApproval'] }) {
  const name = part.type === 'dynamic-tool' ? part.toolName : part.type.slice('tool-'.length);
  return (
    <section className="tool" data-state={part.state}>
      <h3>
        {name} <span>{STATES[part.state]}</span>
      </h3>
      <code>{JSON.stringify(part.input ?? {})}</code>
      {part.state === 'output-available' && <Output output={part.output} />}
      {part.state === 'approval-requested' && (
        <div className="approval">
          <button
            type="button"
            className="send"
            onClick={() => void onApproval({ id: part.approval.id, approved: true })}
          >
            Approve
          </button>
          <button type="button" onClick={() => void onApproval({ id: part.approval.id, approved: false })}>
            Deny
          </button>
        </div>
      )}
    </section>
  );
}

/** Of a big result, its beginning. */
function Output({ output }: { readonly output: unknown }) {
  const json = JSON.stringify(output);
  const size = json.length > 300 ? `${(json.length / 1_048_576).toFixed(1)} MB` : '';
  return (
    <code className="output">
      {json.slice(0, 300)}
      {size !== '' && <em> … {size}</em>}
    </code>
  );
}
