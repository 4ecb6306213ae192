import { within } from './within';

it('gives what comes in time', async () => {
  expect(await within(1000, Promise.resolve(1), 'too late')).toBe(1);
  await expect(within(1000, Promise.reject(new Error('no')), 'too late')).rejects.toThrow('no');
});

it('waits no longer than that', async () => {
  await expect(within(5, new Promise(() => undefined), 'too late')).rejects.toThrow('too late');
});
