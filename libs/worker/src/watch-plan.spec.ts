import { nextLookMs, watchAct, type Watched } from './watch-plan';

const EVERY = 15_000;
const due = (different: Partial<Watched>): Watched => ({
  dueInMs: -1,
  leasedForMs: null,
  lifeLeftMs: null,
  ...different,
});

describe('the watch', () => {
  it.each<[string, Partial<Watched>, boolean, object]>([
    ['rings for what is overdue', {}, true, { kind: 'ring' }],
    ['does itself what is overdue while Redis is away', {}, false, { kind: 'run_here' }],
    ['does itself what nobody did for two looks', { dueInMs: -2 * EVERY - 1 }, true, { kind: 'run_here' }],
    ['gives what falls due soon its exact job', { dueInMs: 4000 }, true, { kind: 'schedule', inMs: 4000 }],
    ['keeps the time itself while Redis is away', { dueInMs: 4000 }, false, { kind: 'look_again', inMs: 4050 }],
    ['comes back when a lease ends', { leasedForMs: 3000 }, true, { kind: 'look_again', inMs: 3050 }],
    [
      'waits for the later of lease and hour',
      { leasedForMs: 3000, dueInMs: 9000 },
      true,
      {
        kind: 'look_again',
        inMs: 9050,
      },
    ],
  ])('%s', (_sentence, work, hasQueue, act) => expect(watchAct(due(work), hasQueue, EVERY)).toEqual(act));
});

describe('the next look', () => {
  it.each<[string, (number | null)[], number]>([
    ['comes after the usual interval', [], EVERY],
    ['does not hurry where no end is known', [null, null], EVERY],
    ['does not hurry for tokens with long lives', [600_000], EVERY],
    ['comes four times within the life that is shortest', [600_000, 20_000], 5_000],
    ['never comes sooner than in two seconds', [1_000], 2_000],
    ['does not hurry for what is dead already', [-1_000], EVERY],
  ])('%s', (_sentence, lives, expected) => {
    const seen = lives.map((lifeLeftMs) => due({ lifeLeftMs }));
    expect(nextLookMs(seen, EVERY, 0.5)).toBeCloseTo(expected);
    expect(nextLookMs(seen, EVERY, 0)).toBeCloseTo(expected * 0.9);
    expect(nextLookMs(seen, EVERY, 1)).toBeCloseTo(expected * 1.1);
  });
});
