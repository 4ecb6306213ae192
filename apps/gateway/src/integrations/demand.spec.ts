import { setTimeout as sleep } from 'node:timers/promises';
import { MergedDemands } from './demand';

/** A demand whose meetings are counted, each with its own outcome. */
function counted() {
  const demands = new MergedDemands<number>();
  let met = 0;
  const meet = async (): Promise<number> => {
    await sleep(20);
    met += 1;
    return met;
  };
  return { ask: (key = 'a', arrivedMs = performance.now()) => demands.of(key, arrivedMs, meet), met: () => met };
}

describe('demands', () => {
  it('of one key at the same moment share one outcome', async () => {
    const { ask, met } = counted();
    expect(await Promise.all([ask(), ask(), ask()])).toEqual([1, 1, 1]);
    expect(met()).toBe(1);
  });

  it('of different keys are met apart', async () => {
    const { ask, met } = counted();
    const outcomes = await Promise.all([ask('a'), ask('b')]);
    expect(outcomes.sort()).toEqual([1, 2]);
    expect(met()).toBe(2);
  });

  it('that come one after the other are met each time, a single caller or many before them', async () => {
    const { ask } = counted();
    expect(await Promise.all([ask(), ask()])).toEqual([1, 1]);
    expect(await ask()).toBe(2);
    expect(await ask()).toBe(3);
  });

  it('that had arrived before an outcome and were read only after it are met by it', async () => {
    const { ask, met } = counted();
    const arrivedMs = performance.now();
    await ask();
    expect(await ask('a', arrivedMs)).toBe(1);
    expect(met()).toBe(1);
  });

  it('that come late in a storm are met by what met the storm, until there is silence', async () => {
    const { ask } = counted();
    await Promise.all(Array.from({ length: 10 }, () => ask()));
    expect(await ask()).toBe(1);
    await sleep(300);
    expect(await ask()).toBe(2);
  });

  it('that fail fail for all who wait, and are met anew for the next', async () => {
    const demands = new MergedDemands<string>();
    const failing = () => Promise.reject(new Error('the database is away'));
    const now = performance.now();
    const outcomes = await Promise.allSettled([demands.of('a', now, failing), demands.of('a', now, failing)]);
    expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    expect(await demands.of('a', now, () => Promise.resolve('met'))).toBe('met');
  });
});
