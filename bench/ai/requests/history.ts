import { mulberry32 } from '../../../test/support/random.ts';

const WORDS =
  'the a plan of launch weather order draft customer answer tool result because "quoted" naïve – next'.split(' ');

/** A request of the stock client whose history takes about so many bytes: questions, and answers with reasoning, tools, data and text. */
export function requestOf(bytes: number): Buffer {
  const random = mulberry32(1);
  const text = (words: number): string =>
    Array.from({ length: words }, () => WORDS[Math.floor(random() * WORDS.length)]).join(' ');
  const order = (id: number): object => ({
    id,
    customer: text(3),
    total: Math.round(random() * 1e6) / 100,
    paid: id % 2 === 0,
  });
  const answer = (turn: number): object[] => [
    { type: 'step-start' },
    { type: 'reasoning', text: text(120), state: 'done', providerMetadata: { openai: { itemId: `rs_${turn}` } } },
    {
      type: 'tool-listOrders',
      toolCallId: `call_${turn}`,
      state: 'output-available',
      input: { customer: text(2), limit: 20 },
      output: Array.from({ length: 20 }, (_, id) => order(id)),
    },
    { type: 'data-progress', id: `p${turn}`, data: { done: 3, of: 3 } },
    { type: 'step-start' },
    { type: 'text', text: text(300), state: 'done' },
  ];
  const messages: object[] = [];
  for (let turn = 0, size = 0; size < bytes; turn++) {
    const pair = [
      { id: `u${turn}`, role: 'user', parts: [{ type: 'text', text: text(40) }] },
      { id: `a${turn}`, role: 'assistant', metadata: { model: 'recorded', tokens: 900 }, parts: answer(turn) },
    ];
    messages.push(...pair);
    size += JSON.stringify(pair).length;
  }
  const head = { type: 'send', requestId: 'r1', id: 'chat', trigger: 'submit-message', headers: {}, body: {} };
  return Buffer.from(JSON.stringify({ ...head, messages }));
}
