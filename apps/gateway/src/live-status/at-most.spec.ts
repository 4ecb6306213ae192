import { AtMost } from './at-most';

it('runs so many at once, in the order in which they came, and goes on behind one that fails', async () => {
  const work = new AtMost(2);
  const begun: number[] = [];
  const ends: (() => void)[] = [];
  const runs = Array.from({ length: 5 }, (_, number) =>
    work
      .run(async () => {
        begun.push(number);
        await new Promise<void>((resolve) => ends.push(resolve));
        if (number === 1) throw new Error('failed');
        return number;
      })
      .catch((error: Error) => error.message),
  );
  const settle = () => new Promise((resolve) => setImmediate(resolve));
  for (const expected of [
    [0, 1],
    [0, 1, 2],
    [0, 1, 2, 3],
    [0, 1, 2, 3, 4],
  ]) {
    await settle();
    expect(begun).toEqual(expected);
    ends[begun.length - 2]?.();
  }
  for (const end of ends) end();
  expect(await Promise.all(runs)).toEqual([0, 'failed', 2, 3, 4]);
});
