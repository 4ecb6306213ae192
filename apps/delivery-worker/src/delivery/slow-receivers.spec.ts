import { SlowReceivers } from './slow-receivers';

const SLOW_MS = 5_000;
const QUICK_MS = 50;

/** Receivers of whom each has been slow once. */
function knownAsSlow(slow: SlowReceivers, ...names: string[]): void {
  for (const name of names) slow.begin(name)?.(SLOW_MS);
}

it('receivers that nobody knows, and those that are quick, always have a place', () => {
  const slow = new SlowReceivers(0);
  slow.begin('quick')?.(QUICK_MS);
  for (const name of ['quick', 'quick', 'new', 'other']) expect(slow.begin(name)).toBeDefined();
});

it('those that were slow share the places for them', () => {
  const slow = new SlowReceivers(2);
  knownAsSlow(slow, 'a', 'b', 'c');
  const end = slow.begin('a');
  expect(slow.begin('b')).toBeDefined();
  expect(slow.begin('c')).toBeUndefined();
  expect(slow.begin('quick')).toBeDefined();
  end?.(SLOW_MS);
  expect(slow.begin('c')).toBeDefined();
});

it('one that was slow and is quick again is as good as any', () => {
  const slow = new SlowReceivers(1);
  knownAsSlow(slow, 'a', 'b');
  slow.begin('a')?.(QUICK_MS);
  expect(slow.begin('b')).toBeDefined();
  expect(slow.begin('a')).toBeDefined();
});

it('a place is given back however the receiver did this time', () => {
  const slow = new SlowReceivers(1);
  knownAsSlow(slow, 'a', 'b');
  for (let turn = 0; turn < 5; turn += 1) {
    const end = slow.begin('a') ?? slow.begin('b');
    expect(end).toBeDefined();
    end?.(SLOW_MS);
  }
});
