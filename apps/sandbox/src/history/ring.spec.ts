import { Ring } from './ring';

function filled(size: number, items: number): Ring<{ seq: number }> {
  const ring = new Ring<{ seq: number }>(size);
  for (let seq = 1; seq <= items; seq += 1) ring.push({ seq });
  return ring;
}

const numbers = (ring: Ring<{ seq: number }>, after = 0): number[] => ring.after(after).map((item) => item.seq);

describe('a ring', () => {
  it('keeps the latest and names the oldest it has', () => {
    const ring = filled(3, 5);
    expect(numbers(ring)).toEqual([3, 4, 5]);
    expect(ring.oldestSeq).toBe(3);
    expect(ring.length).toBe(3);
  });

  it.each([
    [0, [3, 4, 5]],
    [3, [4, 5]],
    [5, []],
    [99, []],
  ])('answers what came after %i', (after, expected) => {
    expect(numbers(filled(3, 5), after)).toEqual(expected);
  });

  it('may shrink, grow and lose single items', () => {
    const ring = filled(4, 6);
    ring.resize(2);
    expect(numbers(ring)).toEqual([5, 6]);
    ring.resize(4);
    ring.push({ seq: 7 });
    ring.remove((item) => item.seq === 6);
    ring.push({ seq: 8 });
    expect(numbers(ring)).toEqual([5, 7, 8]);
    expect(new Ring(2).oldestSeq).toBeNull();
  });
});
