import { cursorOf, placeOf } from './delivery-cursor';

const ID = '6b1f3c9e-2f5d-4c1a-9b7e-0d3a5e8c7f21';

it('a cursor is a place in the log, to the microsecond', () => {
  const place = { createdUs: 1_795_392_500_123_456, id: ID };
  expect(cursorOf(place)).toBe(`1795392500123456-${ID}`);
  expect(placeOf(cursorOf(place))).toEqual(place);
});

it.each([
  ['nothing', ''],
  ['a number', '50'],
  ['an id', ID],
  ['a time that no clock shows', `17953925001234567-${ID}`],
  ['a time before all clocks', `-1-${ID}`],
  ['a place without a row', '1795392500123456-'],
  ['a line too many', `1795392500123456-${ID}\n`],
])('%s is no cursor', (_what, text) => expect(placeOf(text)).toBeUndefined());
