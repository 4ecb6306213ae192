import { VainRefreshes } from './vain-refreshes';

const TOKEN = { id: 'one', issuedAt: new Date(1_000) };

describe('refreshes in vain', () => {
  it('are remembered for a minute', () => {
    const vain = new VainRefreshes();
    expect(vain.has(TOKEN, 0)).toBe(false);
    vain.add(TOKEN, 5);
    expect([vain.has(TOKEN, 60_004), vain.has(TOKEN, 60_005)]).toEqual([true, false]);
  });

  it('are those of one token, and not of the next or another', () => {
    const vain = new VainRefreshes();
    vain.add(TOKEN, 0);
    expect(vain.has({ ...TOKEN, issuedAt: new Date(1_001) }, 0)).toBe(false);
    expect(vain.has({ ...TOKEN, id: 'two' }, 0)).toBe(false);
  });

  it('are forgotten as others come', () => {
    const vain = new VainRefreshes();
    for (let number = 0; number < 100; number += 1) vain.add({ ...TOKEN, id: String(number) }, number);
    vain.add({ ...TOKEN, id: '7' }, 60_050);
    expect(vain.size).toBe(50); // 51 to 99, and the one that was added again
    expect(vain.has({ ...TOKEN, id: '7' }, 120_049)).toBe(true);
  });
});
