import { SingleFlight } from './single-flight';

it('callers of one key share one flight and its outcome', async () => {
  const flights = new SingleFlight<number>();
  let count = 0;
  const fly = () => flights.once('a', () => Promise.resolve((count += 1)));
  expect(await Promise.all([fly(), fly(), fly()])).toEqual([1, 1, 1]);
  expect(await fly()).toBe(2);
});

it('other keys fly by themselves', async () => {
  const flights = new SingleFlight<string>();
  const fly = (key: string) => flights.once(key, () => Promise.resolve(key));
  expect(await Promise.all([fly('a'), fly('b')])).toEqual(['a', 'b']);
});

it('a flight that fails fails for all, and the next one starts anew', async () => {
  const flights = new SingleFlight<string>();
  const failing = () => flights.once('a', () => Promise.reject(new Error('no')));
  await expect(Promise.all([failing(), failing()])).rejects.toThrow('no');
  expect(await flights.once('a', () => Promise.resolve('yes'))).toBe('yes');
});

it('is idle once everything has landed, however', async () => {
  const flights = new SingleFlight<void>();
  let land: () => void = () => undefined;
  const flight = flights.once('a', () => new Promise((_resolve, reject) => (land = () => reject(new Error('no')))));
  const idle = flights.idle();
  expect(flights.has('a')).toBe(true);
  land();
  await expect(flight).rejects.toThrow('no');
  await idle;
  expect(flights.has('a')).toBe(false);
});
