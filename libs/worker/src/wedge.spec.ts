import { WEDGED_AFTER_MS, wedgeOf, type LaneProgress } from './wedge';

const LONG_MS = WEDGED_AFTER_MS + 1;
const aLane = (different: Partial<LaneProgress> = {}): LaneProgress => ({
  provider: 'notion',
  overdueMs: LONG_MS,
  stillMs: LONG_MS,
  isHeld: false,
  ...different,
});

it.each<[string, LaneProgress[]]>([
  ['has nothing to do', []],
  ['has work that fell due a moment ago', [aLane({ overdueMs: WEDGED_AFTER_MS })]],
  ['is at it, however much is overdue', [aLane({ stillMs: WEDGED_AFTER_MS })]],
  ['gives its provider the patience that it asks for', [aLane({ isHeld: true })]],
])('a worker is well that %s', (_what, lanes) => {
  expect(wedgeOf({ sinceLookMs: WEDGED_AFTER_MS, lanes })).toBeUndefined();
});

it('a worker is wedged that looks for work no more', () => {
  expect(wedgeOf({ sinceLookMs: LONG_MS, lanes: [] })).toMatch(/not looked for work/);
});

it('a worker is wedged that leaves one provider’s work alone, whatever it does for others', () => {
  const lanes = [aLane({ provider: 'shopify', stillMs: 0 }), aLane()];
  expect(wedgeOf({ sinceLookMs: 0, lanes })).toMatch(/nothing .* at notion/);
});
