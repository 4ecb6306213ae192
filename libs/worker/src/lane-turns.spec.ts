import { LaneTurns } from './lane-turns';

/** How long so many turns took, all asked for at once, in milliseconds. */
async function tookMs(turns: LaneTurns, lane: string, count: number): Promise<number> {
  const startedMs = performance.now();
  await Promise.all(Array.from({ length: count }, () => turns.turn(lane, 40)));
  return performance.now() - startedMs;
}

it('a lane at its whole pace keeps nobody waiting', async () => {
  expect(await tookMs(new LaneTurns(), 'a', 100)).toBeLessThan(50);
});

it('a lane that was throttled spreads its starts at half of its pace, and no other lane does', async () => {
  const turns = new LaneTurns();
  turns.throttle('a');
  expect(await tookMs(turns, 'b', 100)).toBeLessThan(50);
  // six starts, five gaps of a twentieth of a second; timers may be early by a millisecond
  expect(await tookMs(turns, 'a', 6)).toBeGreaterThan(240);
});

it('a burst that was refused makes the lane very slow at once', async () => {
  const turns = new LaneTurns();
  for (let throttle = 0; throttle < 20; throttle += 1) turns.throttle('a');
  expect(await tookMs(turns, 'a', 3)).toBeGreaterThan(750); // a sixteenth of 40 in a second
});
