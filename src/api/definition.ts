/**
 * A schema of any library that implements Standard Schema 1.x: zod, valibot, arktype and others. The part of
 * https://standardschema.dev that is used.
 */
export interface StandardSchema<Input = unknown, Output = Input> {
  readonly '~standard': {
    readonly version: 1;
    readonly vendor: string;
    readonly validate: (value: unknown) => SchemaResult<Output> | Promise<SchemaResult<Output>>;
    readonly types?: { readonly input: Input; readonly output: Output } | undefined;
  };
}

/** What a schema makes of a value: its output, or what is wrong with it. */
export type SchemaResult<Output> =
  { readonly value: Output; readonly issues?: undefined } | { readonly issues: readonly SchemaIssue[] };

export interface SchemaIssue {
  readonly message: string;
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined;
}

/** What a schema takes. */
export type InputOf<Schema> = Schema extends StandardSchema
  ? NonNullable<Schema['~standard']['types']>['input']
  : unknown;

/** What a schema gives. */
export type OutputOf<Schema> = Schema extends StandardSchema
  ? NonNullable<Schema['~standard']['types']>['output']
  : unknown;

/** How the chunks of a stream are kept, and what they end as. */
export interface Codec<Chunk = unknown, Final = unknown> {
  /** Names it on the wire, `^[\w.:-]{1,128}$`. */
  readonly name: string;
  /** Two neighbours as one chunk, where they fold: the two together say no more than the one. */
  fold(a: Chunk, b: Chunk): Chunk | undefined;
  /** What the chunk counts against the limits of a stream, in bytes. */
  sizeOf(chunk: Chunk): number;
  /** True for a chunk that is never replayed. @default false */
  isTransient?(chunk: Chunk): boolean;
  /**
   * What a chunk has to do with big ones (above 256 KiB by `sizeOf`), which clients of `threadcast/chunks` get in pieces. `late`: if it is big,
   * those that follow may pass it, as they do not depend on it. `last`: it waits for all that have been passed. @default chunks keep their order
   */
  order?(chunk: Chunk): 'late' | 'last' | undefined;
  /** The message of the thread that the stream ends as. */
  end(chunks: readonly Chunk[]): Final;
}

/** What the definition of a thread consists of: schemas, and codecs. */
export interface ThreadParts {
  /** What the application sends to the thread, and its members get. */
  readonly message: StandardSchema;
  /** What a client publishes. @default message */
  readonly publish?: StandardSchema | undefined;
  /** What `onPublish` answers with. @default unknown */
  readonly answer?: StandardSchema | undefined;
  /** The values of the thread, by their keys. @default none */
  readonly values?: Readonly<Record<string, StandardSchema>> | undefined;
  /** The streams that the thread may have, by a name for each. @default none but streams of text */
  readonly streams?: Readonly<Record<string, Codec>> | undefined;
}

/** The types of a defined thread. Of a thread without a definition, all is unknown. */
export interface ThreadShape {
  readonly id: string;
  readonly pattern: string | undefined;
  /** What `send` takes. */
  readonly message: unknown;
  /** What members get: what was sent, and what streams have ended as. */
  readonly received: unknown;
  /** What a client publishes. */
  readonly publish: unknown;
  /** What `onPublish` gets: the schema's output. */
  readonly published: unknown;
  readonly answer: unknown;
  readonly values: object;
  readonly streams: object;
}

/** The types that a definition's parts make. */
export interface ShapeOf<Pattern extends string, Parts extends ThreadParts> extends ThreadShape {
  readonly id: ThreadId<ShapeOf<Pattern, Parts>>;
  readonly pattern: Pattern;
  readonly message: OutputOf<Parts['message']>;
  readonly received: OutputOf<Parts['message']> | FinalOf<Parts['streams']>;
  readonly publish: InputOf<PublishSchemaOf<Parts>>;
  readonly published: OutputOf<PublishSchemaOf<Parts>>;
  readonly answer: OutputOf<Parts['answer']>;
  readonly values: {
    readonly [Key in keyof NonNullable<Parts['values']>]: OutputOf<NonNullable<Parts['values']>[Key]>;
  };
  readonly streams: NonNullable<Parts['streams']>;
}

type PublishSchemaOf<Parts extends ThreadParts> = Parts['publish'] extends StandardSchema
  ? Parts['publish']
  : Parts['message'];

/** What streams with these codecs end as. */
type FinalOf<Streams> = {
  [Name in keyof Streams]: Streams[Name] extends { end(chunks: never): infer Final } ? Final : never;
}[keyof Streams];

/** The id of a thread that has a definition. A text like any other id, with the thread's types. */
export type ThreadId<T extends ThreadShape = ThreadShape> = string & { readonly '~thread': T };

/** A definition of threads: their ids, types and schemas. Made by `defineThread` of `threadcast/define`. */
export interface ThreadDefinition<T extends ThreadShape = ThreadShape> {
  /**
   * The id of one of its threads: the pattern, with this text for its `*`.
   * @throws InvalidThreadIdError where that is no thread id, or the text is empty
   */
  (rest: string): ThreadId<T>;
  readonly pattern: NonNullable<T['pattern']>;
  readonly parts: ThreadParts;
  /** Whether the id is one of its threads. A hub takes the definition with the longest pattern that the id matches. */
  matches(threadId: string): threadId is ThreadId<T>;
  /** What stands for the `*` in the id of one of its threads; undefined for other ids. */
  restOf(threadId: string): string | undefined;
}
