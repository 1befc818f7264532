import { expect, it } from 'vitest';
import { RoundRobin } from '../../src/infra/round-robin.ts';

interface Item {
  readonly name: string;
}

const itemsOf = (...names: string[]): Map<string, Item> => new Map(names.map((name) => [name, { name }]));

it('visits all, says when a round is over, and begins again', () => {
  const robin = new RoundRobin(itemsOf('a', 'b'));
  const names = Array.from({ length: 6 }, () => robin.next()?.name);
  expect(names).toEqual(['a', 'b', undefined, 'a', 'b', undefined]);
});

it('cycles without end', () => {
  const robin = new RoundRobin(itemsOf('a', 'b'));
  expect(Array.from({ length: 5 }, () => robin.cycle()?.name)).toEqual(['a', 'b', 'a', 'b', 'a']);
  expect(new RoundRobin(itemsOf()).cycle()).toBeUndefined();
});

it('sees what came and went meanwhile', () => {
  const items = itemsOf('a', 'b', 'c');
  const robin = new RoundRobin(items);
  expect(robin.next()?.name).toBe('a');
  items.delete('a');
  items.delete('b');
  items.set('d', { name: 'd' });
  expect([robin.next()?.name, robin.next()?.name, robin.next()]).toEqual(['c', 'd', undefined]);
});

it('begins a round when it is restarted', () => {
  const robin = new RoundRobin(new Set([{ name: 'a' }, { name: 'b' }]));
  robin.next();
  robin.restart();
  expect(robin.next()?.name).toBe('a');
});
