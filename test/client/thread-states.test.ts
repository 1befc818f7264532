import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { nextThreadState, type ThreadState, type ThreadStep } from '../../src/client/thread-states.ts';

const STEPS: ThreadStep[] = ['joined', 'disordered', 'filled', 'drained', 'lost', 'ended'];

const after = (steps: readonly ThreadStep[]): ThreadState =>
  steps.reduce<ThreadState>((state, step) => nextThreadState(state, step) ?? state, 'absent');

test('a thread that is over stays over', () => {
  const isOver = (more: readonly ThreadStep[]): boolean => after(['joined', 'ended', ...more]) === 'over';
  expect(() => fc.assert(fc.property(fc.array(fc.constantFrom(...STEPS)), isOver))).not.toThrow();
});

test('only `joined` lets messages in, and only a drained buffer ends a pause', () => {
  const isRight = (before: readonly ThreadStep[], step: ThreadStep): boolean => {
    const from = after(before);
    const to = after([...before, step]);
    if (from === to) return true;
    if (to === 'joined') return step === 'joined';
    return from !== 'paused' || step === 'drained' || step === 'ended';
  };
  const steps = fc.constantFrom(...STEPS);
  expect(() => fc.assert(fc.property(fc.array(steps), steps, isRight))).not.toThrow();
});

test('a lost connection takes the subscription, but not the pause', () => {
  expect(after(['joined', 'lost'])).toBe('absent');
  expect(after(['joined', 'disordered', 'lost'])).toBe('absent');
  expect(after(['joined', 'filled', 'lost'])).toBe('paused');
  expect(after(['joined', 'filled', 'lost', 'drained'])).toBe('outdated');
});
