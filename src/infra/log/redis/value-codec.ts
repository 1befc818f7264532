import type { StoredValue, StoredValues, ValueNews } from '../shared/stored-values.ts';
import { asArray, asText } from './codec.ts';

const NEWS = /^V(\S+) (\d+) (\d+) (\S+) (\d+) /;

/** @returns undefined for what is no such change */
export function decodeValueNews(message: Buffer): ValueNews | undefined {
  const head = NEWS.exec(message.toString('latin1', 0, 256));
  if (head === null) return undefined;
  const [{ length: from }, epoch = '', revision, ttl, owner, size] = head;
  const keyEnd = from + Number(size);
  const isRemoved = owner === '!';
  return {
    epoch,
    revision: Number(revision),
    key: message.toString('utf8', from, keyEnd),
    json: isRemoved ? undefined : message.toString('utf8', keyEnd),
    owner: owner === '-' || isRemoved ? undefined : owner,
    ttlMs: Number(ttl) || Infinity,
  };
}

/** Without those whose time is up. */
export function decodeValues(reply: unknown): StoredValues {
  const [now, ...fields] = asArray(reply).map(asText);
  const values: StoredValue[] = [];
  let [epoch, revision] = ['', 0];
  for (let i = 0; i + 1 < fields.length; i += 2) {
    const [name = '', value = ''] = [fields[i], fields[i + 1]];
    if (name === 'e') epoch = value;
    else if (name === 'r') revision = Number(value);
    else if (name.startsWith('=')) {
      const [head = '', until, owner] = /^(\d+) (\S+) /.exec(value) ?? [];
      const ttlMs = until === '0' ? Infinity : Number(until) - Number(now);
      const json = value.slice(head.length);
      if (ttlMs > 0) values.push({ key: name.slice(1), json, owner: owner === '-' ? undefined : owner, ttlMs });
    }
  }
  return { epoch, revision, values };
}
