import { setTimeout as sleep } from 'node:timers/promises';
import { endAll } from './end-all';

it('gives every part its end, also where another one fails at once', async () => {
  const happened: unknown[] = [];
  const trouble = new Error('Redis is gone');
  const saving = sleep(50).then(() => happened.push('saved'));
  await endAll([Promise.reject(trouble), saving], (error) => happened.push(error));
  expect(happened).toEqual(['saved', trouble]);
});
