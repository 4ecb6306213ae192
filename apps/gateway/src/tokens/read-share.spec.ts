import { DatabaseBusy } from '@hub/database';
import { ReadShare } from './read-share';

const LONG_MS = 60_000;

/** A look that ends when it is told to. */
function aLook() {
  const look = { began: false, end: (): void => undefined, fail: (_error: Error): void => undefined };
  const answer = new Promise<string>((resolve, reject) => {
    look.end = () => resolve('a token');
    look.fail = reject;
  });
  return Object.assign(look, { run: () => ((look.began = true), answer) });
}

it('lets so many look at once, and the others in their order', async () => {
  const share = new ReadShare(2, LONG_MS);
  const looks = [aLook(), aLook(), aLook(), aLook()] as const;
  const answers = looks.map((look) => share.take(look.run));
  expect(looks.map(({ began }) => began)).toEqual([true, true, false, false]);
  looks[1].end();
  expect(await answers[1]).toBe('a token');
  expect(looks.map(({ began }) => began)).toEqual([true, true, true, false]);
  for (const look of looks) look.end();
  expect(await Promise.all(answers)).toEqual(Array(4).fill('a token'));
});

it('tells what went wrong, and gives the place on', async () => {
  const share = new ReadShare(1, LONG_MS);
  const [broken, next] = [aLook(), aLook()];
  const answers = [share.take(broken.run), share.take(next.run)];
  broken.fail(new Error('broken'));
  await expect(answers[0]).rejects.toThrow('broken');
  next.end();
  expect(await answers[1]).toBe('a token');
});

it('tells those whose time is up that the database is busy, looks no more for who waited, and goes on once a place is free', async () => {
  const share = new ReadShare(1, 20);
  const [held, waited, later] = [aLook(), aLook(), aLook()];
  const answers = [share.take(held.run), share.take(waited.run)];
  for (const { status, reason } of (await Promise.allSettled(answers)) as PromiseRejectedResult[])
    expect([status, reason]).toEqual(['rejected', expect.any(DatabaseBusy)]);
  await expect(share.take(later.run)).rejects.toBeInstanceOf(DatabaseBusy); // the place is still taken
  held.end();
  await new Promise(setImmediate);
  expect([waited.began, later.began]).toEqual([false, false]);
  const last = aLook();
  last.end();
  expect(await share.take(last.run)).toBe('a token');
});
