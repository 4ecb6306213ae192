import { Touches } from './touches';

it('tells of whoever opened the page, once', () => {
  const touches = new Touches();
  expect([touches.take(), touches.take()]).toEqual([true, false]);
});

it.each(['pointerdown', 'pointermove', 'keydown', 'wheel', 'touchmove', 'focus'])('tells of a %s, once', (name) => {
  const touches = new Touches();
  const page = new EventTarget();
  touches.watch(page);
  touches.take();
  page.dispatchEvent(new Event(name));
  page.dispatchEvent(new Event(name));
  expect([touches.take(), touches.take()]).toEqual([true, false]);
});

it('tells nothing of what the page does by itself', () => {
  const touches = new Touches();
  const page = new EventTarget();
  touches.watch(page);
  touches.take();
  for (const name of ['scroll', 'online', 'animationend']) page.dispatchEvent(new Event(name));
  expect(touches.take()).toBe(false);
});

it('tells again what could not be told', () => {
  const touches = new Touches();
  if (touches.take()) touches.touch();
  expect(touches.take()).toBe(true);
});
