import { inOrderOfNeed } from './backlog';

test('who can still be saved comes first, the nearest end before others; then the dead; last who has no end', () => {
  const lives = [null, -5_000, 60_000, 1_000, -90_000, null, 30_000];
  const ordered = inOrderOfNeed(lives.map((lifeLeftMs) => ({ lifeLeftMs }))).map(({ lifeLeftMs }) => lifeLeftMs);
  expect(ordered).toEqual([1_000, 30_000, 60_000, -90_000, -5_000, null, null]);
});
