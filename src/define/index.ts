export { defineThread } from './define-thread.ts';
export type {
  Codec,
  InputOf,
  OutputOf,
  SchemaIssue,
  SchemaResult,
  ShapeOf,
  StandardSchema,
  ThreadDefinition,
  ThreadId,
  ThreadParts,
  ThreadShape,
} from '../api/definition.ts';
