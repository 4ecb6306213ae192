import { RecentFigures } from './recent-figures';

let nowMs = 0;
beforeEach(() => (nowMs = 0));

const clock = (): number => nowMs;

it('are read once in ten seconds, however many ask', async () => {
  let reads = 0;
  const figures = new RecentFigures(
    () => Promise.resolve(++reads),
    () => undefined,
    clock,
  );
  expect(await Promise.all([figures.now(), figures.now(), figures.now()])).toEqual([1, 1, 1]);
  nowMs = 9_999;
  expect(await figures.now()).toBe(1);
  nowMs = 10_000;
  expect(await Promise.all([figures.now(), figures.now()])).toEqual([2, 2]);
});

it('are missing while they cannot be read, which is told once, and are asked for again after a while', async () => {
  let isAway = true;
  let reads = 0;
  const told: unknown[] = [];
  const figures = new RecentFigures(
    () => {
      reads += 1;
      return isAway ? Promise.reject(new Error('away')) : Promise.resolve('figures');
    },
    (error) => told.push(error),
    clock,
  );
  expect(await Promise.all([figures.now(), figures.now()])).toEqual([undefined, undefined]);
  expect(await figures.now()).toBeUndefined();
  expect(reads).toBe(1);
  nowMs = 10_000;
  expect(await figures.now()).toBeUndefined();
  expect(reads).toBe(2);
  expect(told).toEqual([new Error('away')]);
  isAway = false;
  nowMs = 20_000;
  expect(await figures.now()).toBe('figures');
});

it('that are too old are not told while newer ones cannot be read', async () => {
  let isAway = false;
  const figures = new RecentFigures(
    () => (isAway ? Promise.reject(new Error('away')) : Promise.resolve('old')),
    () => undefined,
    clock,
  );
  expect(await figures.now()).toBe('old');
  isAway = true;
  nowMs = 10_000;
  expect(await figures.now()).toBeUndefined();
});

it('are waited for no longer than two seconds, and nobody looks twice at the same time', async () => {
  let reads = 0;
  const figures = new RecentFigures(
    () => {
      reads += 1;
      return new Promise<string>(() => undefined);
    },
    () => undefined,
    clock,
  );
  const asked = figures.now();
  nowMs = 60_000;
  expect(await Promise.all([asked, figures.now()])).toEqual([undefined, undefined]);
  expect(reads).toBe(1);
});

it('of before are told while a look is slow, for half a minute', async () => {
  let isSlow = false;
  const figures = new RecentFigures(
    () => (isSlow ? new Promise<string>(() => undefined) : Promise.resolve('before')),
    () => undefined,
    clock,
  );
  expect(await figures.now()).toBe('before');
  isSlow = true;
  nowMs = 29_999;
  expect(await figures.now()).toBe('before');
  nowMs = 30_000;
  expect(await figures.now()).toBeUndefined();
});
