import { FairRuns } from './fair-runs';

/** Runs that last until they are let go, and the order in which they began. */
function heldRuns(most: number, mostOfALane: number) {
  const began: string[] = [];
  const errors: unknown[] = [];
  const ends = new Map<string, () => void>();
  const runs = new FairRuns(most, mostOfALane, (error) => errors.push(error));
  const add = (lane: string, key: string) =>
    runs.add({
      key,
      lane,
      start: () => {
        began.push(key);
        return new Promise<void>((resolve) => ends.set(key, resolve));
      },
    });
  const settled = () => new Promise((resolve) => setImmediate(resolve));
  const end = async (key: string) => {
    ends.get(key)?.();
    await settled();
  };
  return { runs, began, errors, add, end, settled };
}

it('lanes take turns', async () => {
  const { began, add, end, settled } = heldRuns(1, 1);
  for (const key of ['a1', 'a2', 'a3']) add('a', key);
  add('b', 'b1');
  await settled();
  for (const key of ['a1', 'a2', 'b1']) await end(key);
  expect(began.indexOf('b1')).toBeLessThan(began.indexOf('a3'));
});

it('no lane takes more than its share, nor all together more than the bound', async () => {
  const { began, add, end, settled } = heldRuns(3, 2);
  for (const key of ['a1', 'a2', 'a3']) add('a', key);
  for (const key of ['b1', 'b2']) add('b', key);
  await settled();
  expect([...began].sort()).toEqual(['a1', 'a2', 'b1']);
  await end('b1');
  expect([...began].sort()).toEqual(['a1', 'a2', 'b1', 'b2']);
});

it('what waits or runs already is not added again, and may be afterwards', async () => {
  const { began, add, end, settled } = heldRuns(1, 1);
  add('a', 'a1');
  add('a', 'a1');
  await settled();
  await end('a1');
  add('a', 'a1');
  await settled();
  expect(began).toEqual(['a1', 'a1']);
});

it('a run that throws is told of and holds nobody up', async () => {
  const { runs, errors, began, add, settled } = heldRuns(1, 1);
  const bug = new Error('bug');
  runs.add({ key: 'x', lane: 'a', start: () => Promise.reject(bug) });
  add('a', 'a1');
  await settled();
  expect([errors, began]).toEqual([[bug], ['a1']]);
});

it('a lane with a pace starts one at a time, that far apart, and holds up no other lane', async () => {
  const startedMs: number[] = [];
  const runs = new FairRuns(10, 10, () => undefined);
  let hasOther = false;
  await new Promise<void>((resolve) => {
    for (const key of ['a1', 'a2', 'a3'])
      runs.add({
        key,
        lane: 'a',
        gapMs: 60,
        start: () => Promise.resolve(startedMs.push(performance.now()) === 3 && resolve()),
      });
    runs.add({ key: 'b1', lane: 'b', start: () => Promise.resolve((hasOther = startedMs.length < 2)) });
  });
  const [first = 0, second = 0, third = 0] = startedMs;
  expect(second - first).toBeGreaterThanOrEqual(59); // a timer may be early by a millisecond
  expect(third - second).toBeGreaterThanOrEqual(59);
  expect(hasOther).toBe(true);
});

it('a lane that is held starts nothing for a while, then at half of its pace, and holds up no other lane', async () => {
  const startedMs: number[] = [];
  const runs = new FairRuns(10, 10, () => undefined);
  const heldMs = performance.now();
  runs.hold('a', 200);
  runs.hold('a', 100); // heard by another run of the same throttle: neither shorter nor halved again
  let hasOther = false;
  await new Promise<void>((resolve) => {
    for (const key of ['a1', 'a2'])
      runs.add({
        key,
        lane: 'a',
        gapMs: 60,
        start: () => Promise.resolve(startedMs.push(performance.now()) === 2 && resolve()),
      });
    runs.add({ key: 'b1', lane: 'b', start: () => Promise.resolve((hasOther = startedMs.length === 0)) });
  });
  const [first = 0, second = 0] = startedMs;
  expect(hasOther).toBe(true);
  expect(first - heldMs).toBeGreaterThanOrEqual(199); // a timer may be early by a millisecond
  expect(second - first).toBeGreaterThanOrEqual(115);
  expect(second - first).toBeLessThan(235);
});

it('a run that waits for its pace is not begun after stopping', async () => {
  const { runs, began, settled } = heldRuns(2, 2);
  const add = (key: string) => runs.add({ key, lane: 'a', gapMs: 20, start: () => Promise.resolve(began.push(key)) });
  add('a1');
  add('a2');
  await settled();
  await runs.stop();
  await new Promise((resolve) => setTimeout(resolve, 50));
  expect(began).toEqual(['a1']);
});

it('stopping starts nothing more and waits for what runs', async () => {
  const { runs, began, add, end, settled } = heldRuns(1, 1);
  add('a', 'a1');
  add('a', 'a2');
  await settled();
  let isStopped = false;
  const stopped = runs.stop().then(() => (isStopped = true));
  await settled();
  expect(isStopped).toBe(false);
  await end('a1');
  await stopped;
  expect(began).toEqual(['a1']);
});
