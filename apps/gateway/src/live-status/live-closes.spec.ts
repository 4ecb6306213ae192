import { LIVE_CLOSE_WORDS, LIVE_CLOSES, toldClose } from './live-closes';

it('every code by which the hub closes is told to clients, but that of a line which broke', () => {
  const said = Object.values(LIVE_CLOSES).filter((code) => code !== LIVE_CLOSES.broken);
  expect(Object.keys(LIVE_CLOSE_WORDS).map(Number)).toEqual(expect.arrayContaining(said));
});

it('codes are counted by themselves as far as they are known', () => {
  for (const code of Object.values(LIVE_CLOSES)) expect(toldClose(code)).toBe(String(code));
  expect([toldClose(1000), toldClose(1005), toldClose(4999)]).toEqual(['1000', '1005', 'other']);
});
