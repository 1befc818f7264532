export { values } from '../client/values.ts';
export type {
  ClientValues,
  FedValues,
  SetClientValueOptions,
  ValueNews,
  ValuesEvents,
  ValuesHost,
} from '../client/values-api.ts';
