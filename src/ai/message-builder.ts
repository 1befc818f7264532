import { fieldsOf, textIn, type ChatMessage, type Fields, type UIChunk } from './chunk.ts';
import { parsePartialJson } from './partial-json.ts';

/** A part that is still changing. */
interface Part {
  type: string;
  [field: string]: unknown;
}

interface ToolInput {
  text: string;
  /** The fields of the call's first chunk. */
  readonly call: Fields;
}

/**
 * Makes the UIMessage of a stream's chunks as `readUIMessageStream` of npm `ai` 7 does; a test compares the two. A chunk that belongs to
 * nothing is left out, where the AI SDK throws.
 */
export class MessageBuilder {
  #id = '';
  #metadata: unknown;
  #parts: Part[] = [];
  readonly #texts = new Map<string, Part>();
  readonly #reasonings = new Map<string, Part>();
  readonly #inputs = new Map<string, ToolInput>();
  /** Calls whose input has grown since it was read. To read it with each delta would take the square of its length. */
  readonly #grown = new Set<string>();

  get message(): ChatMessage {
    this.#readInputs();
    const message = { id: this.#id, role: 'assistant', parts: this.#parts } as const;
    return this.#metadata === undefined ? message : { ...message, metadata: this.#metadata };
  }

  add(chunk: UIChunk): void {
    const fields = fieldsOf(chunk);
    if (chunk.type.startsWith('data-')) this.#addData(chunk.type, fields);
    else if (chunk.type.startsWith('tool-')) this.#addTool(chunk.type, fields);
    else if (chunk.type.startsWith('text-')) this.#addText(chunk.type, fields, 'text', this.#texts);
    else if (/^reasoning-(start|delta|end)$/.test(chunk.type))
      this.#addText(chunk.type, fields, 'reasoning', this.#reasonings);
    else this.#addOther(chunk.type, fields);
  }

  #addOther(type: string, fields: Fields): void {
    switch (type) {
      case 'start':
        this.#id = textIn(fields['messageId']) ?? this.#id;
        return this.#addMetadata(fields['messageMetadata']);
      case 'finish':
      case 'message-metadata':
        return this.#addMetadata(fields['messageMetadata']);
      case 'start-step':
        this.#readInputs();
        this.#parts.push({ type: 'step-start' });
        return undefined;
      case 'reset-step':
        this.#texts.clear();
        this.#reasonings.clear();
        this.#inputs.clear();
        this.#grown.clear();
        this.#parts.length = this.#stepStart;
        return undefined;
      case 'file':
      case 'reasoning-file':
      case 'source-url':
      case 'source-document':
      case 'custom':
      case 'steering-message':
        this.#parts.push({ type, ...copyOf(fields, PLAIN_FIELDS[type] ?? []) });
        return undefined;
      default:
        return undefined;
    }
  }

  #addMetadata(metadata: unknown): void {
    if (metadata !== undefined && metadata !== null)
      this.#metadata = this.#metadata === undefined ? metadata : merged(this.#metadata, metadata);
  }

  /** Index of the first part of the current step. */
  get #stepStart(): number {
    return this.#parts.findLastIndex(({ type }) => type === 'step-start') + 1;
  }

  #addText(type: string, fields: Fields, kind: 'text' | 'reasoning', active: Map<string, Part>): void {
    const id = textIn(fields['id']) ?? '';
    const known = active.get(id);
    const metadata = fields['providerMetadata'] ?? known?.['providerMetadata'];
    if (type.endsWith('-start')) {
      const part: Part = { type: kind, text: '', providerMetadata: fields['providerMetadata'], state: 'streaming' };
      if (kind === 'reasoning') part['id'] = id;
      active.set(id, part);
      this.#parts.push(part);
    } else if (known !== undefined) {
      known['providerMetadata'] = metadata;
      if (type.endsWith('-delta')) known['text'] = `${textIn(known['text']) ?? ''}${textIn(fields['delta']) ?? ''}`;
      else {
        known['state'] = 'done';
        if (kind === 'text' && fields['citations'] != null) known['citations'] = fields['citations'];
        active.delete(id);
      }
    }
  }

  #addData(type: string, fields: Fields): void {
    if (fields['transient'] === true) return;
    const id = fields['id'];
    const known = id == null ? undefined : this.#parts.find((part) => part.type === type && part['id'] === id);
    if (known === undefined) this.#parts.push({ ...fields, type });
    else known['data'] = fields['data'];
  }

  #addTool(type: string, fields: Fields): void {
    const callId = textIn(fields['toolCallId']) ?? '';
    if (type === 'tool-input-delta') return this.#growInput(callId, fields);
    // an input that grows beside this one is not read for it
    this.#readInput(callId);
    if (type === 'tool-approval-response') {
      this.#readInputs();
      return this.#answerApproval(fields);
    }
    if (type === 'tool-input-start') {
      this.#inputs.set(callId, { text: '', call: fields });
      return this.#putTool(fields, { state: 'input-streaming', input: undefined }, fields);
    }
    if (type === 'tool-input-available')
      return this.#putTool(fields, { state: 'input-available', input: fields['input'] }, fields);
    if (type === 'tool-input-error') return this.#failInput(callId, fields);
    const part = this.#tool(callId);
    if (part === undefined) return undefined;
    if (type === 'tool-approval-request') return requestApproval(part, fields);
    if (type === 'tool-output-denied') part['state'] = 'output-denied';
    if (type === 'tool-output-available') {
      setTool(part, { state: 'output-available', input: part['input'], output: fields['output'] }, fields);
      part['preliminary'] = fields['preliminary'];
    }
    if (type === 'tool-output-error') {
      const rawInput = part.type === 'dynamic-tool' ? undefined : part['rawInput'];
      setTool(part, { state: 'output-error', input: part['input'], rawInput, errorText: fields['errorText'] }, fields);
    }
    return undefined;
  }

  #growInput(callId: string, fields: Fields): void {
    const input = this.#inputs.get(callId);
    if (input === undefined) return;
    input.text += textIn(fields['inputTextDelta']) ?? '';
    this.#grown.add(callId);
  }

  /** Before something looks at a call. */
  #readInputs(): void {
    for (const callId of this.#grown) this.#readInput(callId);
  }

  #readInput(callId: string): void {
    const input = this.#grown.delete(callId) ? this.#inputs.get(callId) : undefined;
    if (input === undefined) return;
    const { inputEncoding, toolMetadata } = input.call;
    const value = inputEncoding === 'text' ? input.text : parsePartialJson(input.text);
    const values = { state: 'input-streaming', input: value, rawInput: input.text };
    this.#putTool(input.call, values, { inputEncoding, toolMetadata });
  }

  #failInput(callId: string, fields: Fields): void {
    const known = this.#parts.slice(this.#stepStart).find((tool) => isTool(tool) && tool['toolCallId'] === callId);
    const dynamic = known === undefined ? fields['dynamic'] : known.type === 'dynamic-tool';
    const { input, errorText } = fields;
    // the title of the chunk is not read there
    this.#putTool({ ...fields, dynamic, title: undefined }, { state: 'output-error', input, errorText }, fields);
  }

  /** Sets the tool part of this call in the current step, or adds it. */
  #putTool({ toolCallId, toolName, dynamic, title }: Fields, values: Fields, fields: Fields): void {
    const name = textIn(toolName) ?? '';
    const isDynamic = Boolean(dynamic);
    const type = isDynamic ? 'dynamic-tool' : `tool-${name}`;
    const step = this.#parts.slice(this.#stepStart);
    const isSame = (part: Part): boolean =>
      isTool(part) && (part.type === 'dynamic-tool') === isDynamic && part['toolCallId'] === toolCallId;
    let part = step.find(isSame);
    // the AI SDK leaves it out there
    const rawInput = part === undefined && isDynamic ? undefined : values['rawInput'];
    if (part === undefined) {
      part = { type, toolCallId };
      this.#parts.push(part);
    }
    part.type = type;
    if (isDynamic) part['toolName'] = name;
    if (title !== undefined) part['title'] = title;
    setTool(
      part,
      {
        ...values,
        rawInput,
        inputEncoding: values['state'] === 'input-streaming' ? fields['inputEncoding'] : undefined,
      },
      fields,
    );
  }

  /** The call in this step, or else the newest one. */
  #tool(callId: string): Part | undefined {
    const isIt = (part: Part): boolean => isTool(part) && part['toolCallId'] === callId;
    return this.#parts.slice(this.#stepStart).find(isIt) ?? this.#parts.findLast(isIt);
  }

  #answerApproval({ approvalId, approved, reason, providerExecuted, providerMetadata }: Fields): void {
    const part = this.#parts.find((tool) => isTool(tool) && approvalOf(tool)?.['id'] === approvalId);
    if (part === undefined) return;
    part['state'] = 'approval-responded';
    part['approval'] = { ...approvalOf(part), id: approvalId, approved, ...(reason == null ? {} : { reason }) };
    if (providerExecuted != null) part['providerExecuted'] = providerExecuted;
    if (providerMetadata != null) part['callProviderMetadata'] = providerMetadata;
  }
}

/** The fields of parts that are a chunk as it is. */
const PLAIN_FIELDS: Readonly<Record<string, readonly string[]>> = {
  file: ['mediaType', 'url', 'providerMetadata'],
  'reasoning-file': ['mediaType', 'url', 'providerMetadata'],
  'source-url': ['sourceId', 'url', 'title', 'providerMetadata'],
  'source-document': ['sourceId', 'mediaType', 'title', 'filename', 'providerMetadata'],
  custom: ['kind', 'providerMetadata'],
  'steering-message': ['id', 'parts'],
};

function copyOf(fields: Fields, names: readonly string[]): Fields {
  return Object.fromEntries(names.filter((name) => fields[name] !== undefined).map((name) => [name, fields[name]]));
}

const isTool = ({ type }: Part): boolean => type === 'dynamic-tool' || type.startsWith('tool-');

const approvalOf = ({ approval }: Part): Fields | undefined => (isPlain(approval) ? approval : undefined);

/** What each state of a tool call sets; `fields` are those of the chunk. */
function setTool(part: Part, values: Fields, fields: Fields): void {
  const { state, input, output, errorText, rawInput, inputEncoding } = values;
  Object.assign(part, { state, input, output, errorText, rawInput, inputEncoding, preliminary: undefined });
  part['providerExecuted'] = fields['providerExecuted'] ?? part['providerExecuted'];
  if (fields['toolMetadata'] != null) part['toolMetadata'] = fields['toolMetadata'];
  if (fields['providerMetadata'] == null) return;
  const isResult = state === 'output-available' || state === 'output-error';
  part[isResult ? 'resultProviderMetadata' : 'callProviderMetadata'] = fields['providerMetadata'];
}

function requestApproval(part: Part, fields: Fields): void {
  const { approvalId, approvalDescriptor, reason, isAutomatic, signature } = fields;
  part['state'] = 'approval-requested';
  part['approval'] = {
    id: approvalId,
    ...(approvalDescriptor == null ? {} : { descriptor: approvalDescriptor }),
    ...('inputSchemaInput' in fields ? { inputSchemaInput: fields['inputSchemaInput'] } : {}),
    ...(reason == null ? {} : { requestReason: reason }),
    ...(isAutomatic === true ? { isAutomatic } : {}),
    ...(signature == null ? {} : { signature }),
  };
}

/** Objects are merged field by field; of other values, the newer one counts. */
function merged(a: unknown, b: unknown): unknown {
  if (!isPlain(a) || !isPlain(b)) return b === undefined ? a : b;
  const result: Record<string, unknown> = { ...a };
  for (const [key, value] of Object.entries(b)) {
    if (key === '__proto__' || key === 'constructor' || key === 'prototype' || value === undefined) continue;
    result[key] = Object.hasOwn(result, key) ? merged(result[key], value) : value;
  }
  return result;
}

const isPlain = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
