/**
 * A planted defect: one piece of code, replaced. The script finds it by its text, which stands there once; a patch with lines of context
 * would break with each comment that is reworded.
 */
export interface Defect {
  /** What goes wrong. */
  readonly name: string;
  readonly file: string;
  readonly code: string;
  readonly replacement: string;
}

/** Each of them breaks a promise of the library. The ordinary mix of the simulator has to find it. */
export const DEFECTS: readonly Defect[] = [
  {
    name: 'the client takes a critical message twice: ahead, and in order after a reconnect',
    file: 'src/client/dedup-cursor.ts',
    code: 'const isNew = !this.#ahead.has(id);',
    replacement: 'const isNew = true;',
  },
  {
    name: 'the server does not answer some publishes',
    file: 'src/actors/connection/client-requests.ts',
    code: 'session.line.sendNotice(notices.accepted(th, id, acceptance)),',
    replacement: 'id.endsWith("7") ? undefined : session.line.sendNotice(notices.accepted(th, id, acceptance)),',
  },
  {
    name: 'the log trims entries that it has to hold for a fan-out',
    file: 'src/infra/log/log-buffer.ts',
    code: 'if (oldest === undefined || oldest.offset > this.#heldAfter) break;',
    replacement: 'if (oldest === undefined) break;',
  },
  {
    name: 'a log that was started anew has the epochs of the one before',
    file: 'src/infra/log/epochs.ts',
    code: '`${this.#life} ${this.#ends[counter]} ${threadId}`',
    replacement: '`${this.#life.length} ${this.#ends[counter]} ${threadId}`',
  },
  {
    name: 'two messages change places in a catch-up',
    file: 'src/actors/delivery/joined-frames.ts',
    code: 'const bytes = Buffer.concat(frames, size);',
    replacement: 'if (entries.length > 4) frames.reverse();\n  const bytes = Buffer.concat(frames, size);',
  },
  {
    name: 'a critical message that a stalled socket refuses is forgotten',
    file: 'src/actors/delivery/subscription.ts',
    code: 'if (offset === undefined || !this.canWrite) return;',
    replacement:
      'if (offset === undefined) return;\n      if (!this.canWrite) {\n        this.criticalCursor = offset;\n        return;\n      }',
  },
  {
    name: 'a resume begins one message too late',
    file: 'src/actors/thread/thread.ts',
    code: 'const { offset: after } = plan.start;',
    replacement: 'const after = plan.start.offset + (plan.recovered > 0 ? 1 : 0);',
  },
  {
    name: 'a client that the application has removed from a thread gets no `left`',
    file: 'src/actors/connection/connection.ts',
    code: 'if (this.delivery.subscriptions.leave(threadId, reason)) this.sendNotice(notices.left(threadId, reason));',
    replacement: 'void [this.delivery.subscriptions.leave(threadId), reason];',
  },
  {
    name: 'a receipt says `acked` for what has only been written',
    file: 'src/actors/thread/delivery-outcomes.ts',
    code: 'return ackedBytes >= target || (offset > 0 && member.ackedOffset >= offset);',
    replacement: 'return ackedBytes <= target || (offset > 0 && member.ackedOffset >= offset);',
  },
  {
    name: 'the final message of a stream has another id than the stream',
    file: 'src/actors/streams/stream-registry.ts',
    code: 'await this.#host.send(message, { idempotencyKey: stream.id });',
    replacement: 'await this.#host.send(message, {});',
  },
  {
    name: 'the client does not end a stream with its final message',
    file: 'src/client/open-streams.ts',
    code: '    stream.end(message);',
    replacement: '    if (message === undefined) stream.end(message);',
  },
  {
    name: 'a client that was behind the log is not told of the gap',
    file: 'src/actors/delivery/subscription.ts',
    code: "    this.subscriber.tellGap(this.threadId, 'trimmed', position);",
    replacement: "    if (position === '') this.subscriber.tellGap(this.threadId, 'trimmed', position);",
  },
  {
    name: 'the log takes a message twice that a client publishes again',
    file: 'src/infra/log/memory-log.ts',
    code: 'if (known !== undefined) {',
    replacement: 'if (known !== undefined && known.offset > log.buffer.head) {',
  },
  {
    name: 'a client that resumes after a message is not told that it was edited meanwhile',
    file: 'src/actors/delivery/connection-cursor.ts',
    code: 'return targetOffset > received && targetOffset >= first;',
    replacement: 'return targetOffset >= first;',
  },
  {
    name: 'a message that was removed reaches those who come late',
    file: 'src/infra/log/amendments.ts',
    code: "if (amendment.kind === 'remove') this.#held.supersede(message);",
    replacement: "if (amendment.kind === 'remove') return;",
  },
  {
    name: 'a message reaches a user that it excepts',
    file: 'src/actors/delivery/connection-cursor.ts',
    code: 'return except !== undefined && this.subscriber.isExcepted(except);',
    replacement: 'return except === "" && this.subscriber.isExcepted(except);',
  },
  {
    name: 'the values of a client that is gone stay',
    file: 'src/infra/log/memory-values.ts',
    code: 'values.filter((value) => value.owner === owner);',
    replacement: 'values.filter(() => owner === "");',
  },
  {
    name: 'an answer is not remembered: the application is asked again',
    file: 'src/infra/log/memory-answers.ts',
    code: "if (held?.answer !== undefined) return { is: 'answered', answer: held.answer };",
    replacement: "if (held?.answer === '') return { is: 'answered', answer: held.answer };",
  },
  {
    name: 'the server cuts the line instead of closing it with a code',
    file: 'src/actors/connection/link-ending.ts',
    code: '        link.close(code, reason);',
    replacement: '        if (code === 4_000) link.terminate();\n        else link.close(code, reason);',
  },
  {
    name: 'chunks that fold change places on the server',
    file: 'src/actors/streams/folding.ts',
    code: 'const chunk: unknown = codec.fold(a.chunk, b.chunk);',
    replacement: 'const chunk: unknown = codec.fold(b.chunk, a.chunk);',
  },
  {
    name: 'a viewer of chunks counts folded ones as one, and takes no more of them',
    file: 'src/chunks/chunk-log.ts',
    code: 'this.at = to;',
    replacement: 'this.at += d.length;',
  },
  {
    name: 'a client that knows no parts gets big messages in parts',
    file: 'src/actors/connection/wire-protocol.ts',
    code: 'parts: parts === true ? unfinishedIn(have) : undefined,',
    replacement: 'parts: unfinishedIn(have),',
  },
  {
    name: 'what is sent to an erased thread reaches members that have not left yet',
    file: 'src/actors/thread/thread.ts',
    code: 'for (const member of this.members) if (member.views === undefined) member.end();',
    replacement: '',
  },
  {
    name: 'bytes that are published by a client lose their end',
    file: 'src/client/bytes.ts',
    code: 'joinBytes([new TextEncoder().encode(`${head}}\\0`), bytes]);',
    replacement: 'joinBytes([new TextEncoder().encode(`${head}}\\0`), bytes.subarray(1)]);',
  },
  {
    name: 'the client over SSE loses an event whose end comes in two pieces',
    file: 'src/client/event-socket.ts',
    code: 'let from = Math.max(0, text.length - 1);',
    replacement: 'let from = text.length;',
  },
  {
    name: 'the answer to a POST overtakes the code of a close over SSE',
    file: 'src/client/event-socket.ts',
    code: 'if (!ok) return this.#fail(',
    replacement: 'if (!ok) return this.#end(',
  },
  {
    name: 'a receipt says `acked` for what the system of the server has taken, over SSE',
    file: 'src/http/event-link.ts',
    code: 'readonly confirmsReceipt = false;',
    replacement: 'readonly confirmsReceipt = true;',
  },
  {
    name: 'a viewer that resumes within a fold keeps what it has, and gets it again',
    file: 'src/chunks/chunk-log.ts',
    code: 'if (isReset) this.#reset();',
    replacement: 'if (isReset && this.at < 3) this.#reset();',
  },
  {
    name: 'an edit keeps its memory after the log has given it up',
    file: 'src/infra/log/amendments.ts',
    code: '  body.retain();\n  for',
    replacement: '  body.retain();\n  body.retain();\n  for',
  },
  {
    name: 'a frame of 64 KiB has a header that is too small',
    file: 'src/infra/wire/frames.ts',
    code: '} else if (length < 65_536) {',
    replacement: '} else if (length <= 65_536) {',
  },
  {
    name: 'a ping comes between two fragments of a message over SSE, within its event',
    file: 'src/http/event-link.ts',
    code: 'this.#encoder.isInside ? []',
    replacement: 'this.#style.isWhole === false ? []',
  },
];
