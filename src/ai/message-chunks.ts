import { chunkOf, fieldsOf, textIn, type ChatMessage, type Fields, type UIChunk, type UIPart } from './chunk.ts';

/**
 * Chunks that make the parts of a message again. A turn that goes on with an answer (after an approval, or a tool that ran in the client) begins with them,
 * so that a replay of it needs nothing else.
 */
export function chunksOf({ parts, metadata }: ChatMessage): readonly UIChunk[] {
  const chunks = parts.flatMap((part, index) => chunksOfPart(part, `part-${index}`));
  return metadata == null ? chunks : [chunkOf('message-metadata', { messageMetadata: metadata }), ...chunks];
}

function chunksOfPart(part: UIPart, id: string): readonly UIChunk[] {
  const fields = fieldsOf(part);
  const { type } = part;
  if (type === 'step-start') return [chunkOf('start-step', {})];
  if (type === 'text' || type === 'reasoning') return chunksOfText(type, fields, textIn(fields['id']) ?? id);
  if (type === 'dynamic-tool') return chunksOfTool(fields, { toolName: fields['toolName'], dynamic: true });
  if (type.startsWith('tool-')) return chunksOfTool(fields, { toolName: type.slice('tool-'.length) });
  // files, sources, data and the others are chunks as they are
  return [part];
}

function chunksOfText(type: 'text' | 'reasoning', fields: Fields, id: string): readonly UIChunk[] {
  const { text, state, citations, providerMetadata } = fields;
  const chunks = [
    chunkOf(`${type}-start`, defined({ id, providerMetadata })),
    chunkOf(`${type}-delta`, { id, delta: textIn(text) ?? '' }),
  ];
  if (state !== 'streaming') chunks.push(chunkOf(`${type}-end`, defined({ id, citations })));
  return chunks;
}

function chunksOfTool(fields: Fields, name: Fields): readonly UIChunk[] {
  const { toolCallId, title, toolMetadata, providerExecuted, callProviderMetadata, inputEncoding } = fields;
  const { state, input, rawInput, output, errorText, preliminary, resultProviderMetadata } = fields;
  const providerMetadata = callProviderMetadata;
  const call = defined({ toolCallId, ...name, title, toolMetadata, providerExecuted, providerMetadata });
  if (state === 'input-streaming') {
    const start = chunkOf('tool-input-start', { ...call, ...defined({ inputEncoding }) });
    const inputTextDelta = textIn(rawInput);
    return inputTextDelta === undefined
      ? [start]
      : [start, chunkOf('tool-input-delta', { toolCallId, inputTextDelta })];
  }
  const chunks = [chunkOf('tool-input-available', { ...call, input: input ?? null })];
  const approval = approvalOf(fields);
  if (approval !== undefined) chunks.push(...chunksOfApproval(approval, toolCallId));
  const result = defined({ toolCallId, providerExecuted, providerMetadata: resultProviderMetadata });
  if (state === 'output-available')
    chunks.push(chunkOf('tool-output-available', { ...result, ...defined({ preliminary }), output: output ?? null }));
  if (state === 'output-error')
    chunks.push(chunkOf('tool-output-error', { ...result, errorText: textIn(errorText) ?? '' }));
  if (state === 'output-denied') chunks.push(chunkOf('tool-output-denied', { toolCallId }));
  return chunks;
}

function chunksOfApproval(approval: Fields, toolCallId: unknown): readonly UIChunk[] {
  const { id, approved, reason, requestReason, descriptor, isAutomatic, signature, inputSchemaInput } = approval;
  const about = { approvalDescriptor: descriptor, reason: requestReason, isAutomatic, signature, inputSchemaInput };
  const request = chunkOf('tool-approval-request', { approvalId: id, toolCallId, ...defined(about) });
  if (typeof approved !== 'boolean') return [request];
  return [request, chunkOf('tool-approval-response', { approvalId: id, approved, ...defined({ reason }) })];
}

function approvalOf({ approval }: Fields): Fields | undefined {
  return typeof approval === 'object' && approval !== null ? fieldsOf(approval) : undefined;
}

const defined = (fields: Fields): Fields =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value != null));
