import { gapMs, nextLookMs, watchAct, type QueueState, type WatchAct, type Watched } from './watch-plan';

const EVERY = 15_000;
const due = (different: Partial<Watched>): Watched => ({
  dueInMs: -1,
  leasedForMs: null,
  lifeLeftMs: null,
  ...different,
});

describe('the watch', () => {
  it.each<[string, Partial<Watched>, QueueState, WatchAct]>([
    ['rings for what is overdue', {}, 'moving', { kind: 'ring' }],
    ['does itself what is overdue while Redis is away', {}, 'away', { kind: 'run_here' }],
    ['gives a queue that stands still two looks', { dueInMs: -2 * EVERY }, 'still', { kind: 'ring' }],
    ['does itself what nobody did for two looks', { dueInMs: -2 * EVERY - 1 }, 'still', { kind: 'run_here' }],
    ['leaves a long backlog to a queue that moves', { dueInMs: -20 * EVERY }, 'moving', { kind: 'ring' }],
    ['does itself what has little left', { dueInMs: -301, lifeLeftMs: 100 }, 'moving', { kind: 'run_here' }],
    ['rings for what has more than a quarter left', { dueInMs: -300, lifeLeftMs: 100 }, 'moving', { kind: 'ring' }],
    ['rings for what is dead already', { dueInMs: -300, lifeLeftMs: 0 }, 'moving', { kind: 'ring' }],
    ['gives what falls due soon its exact job', { dueInMs: 4000 }, 'moving', { kind: 'schedule', inMs: 4000 }],
    ['keeps the time itself while Redis is away', { dueInMs: 4000 }, 'away', { kind: 'look_again', inMs: 4050 }],
    ['comes back when a lease ends', { leasedForMs: 3000 }, 'moving', { kind: 'look_again', inMs: 3050 }],
    [
      'waits for the later of lease and hour',
      { leasedForMs: 3000, dueInMs: 9000 },
      'moving',
      { kind: 'look_again', inMs: 9050 },
    ],
  ])('%s', (_sentence, work, queue, act) => expect(watchAct(due(work), queue, EVERY)).toEqual(act));
});

describe('what the watch runs here', () => {
  it.each<[string, QueueState, number | undefined, number]>([
    ['has the pace of the lane while Redis is away', 'away', 40, 25],
    ['has it too in place of a queue that stands still', 'still', 40, 25],
    ['takes a tenth of it beside a queue that moves', 'moving', 40, 250],
    ['has no pace where the lane has none', 'moving', undefined, 0],
  ])('%s', (_sentence, queue, perSecond, gap) => expect(gapMs(queue, perSecond)).toBe(gap));
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
