import { DenialBudget } from './denial-budget';

const MINUTE_MS = 60_000;
const ask = (budget: DenialBudget<string>, times: number, orgId: string | null, address = '192.0.2.1') =>
  Array.from({ length: times }, () => budget.admits({ orgId, address }, 0)).filter(Boolean).length;

describe('the budget of denials', () => {
  it('writes twenty of nobody, for each address', () => {
    const budget = new DenialBudget<string>();
    expect(ask(budget, 50, null)).toBe(20);
    expect(ask(budget, 50, null, '192.0.2.2')).toBe(20);
  });

  it('never lets strangers at an address silence an org there', () => {
    const budget = new DenialBudget<string>();
    ask(budget, 1_000, null);
    expect(ask(budget, 3, 'org-a')).toBe(3);
    expect(ask(budget, 500, 'org-b')).toBe(200);
  });

  it('tells at the end of a minute what it did not write', () => {
    const budget = new DenialBudget<string>();
    ask(budget, 25, null);
    ask(budget, 5, 'org-a');
    expect(budget.close(MINUTE_MS - 1)).toEqual([]);
    expect(budget.close(MINUTE_MS)).toEqual([{ orgId: null, address: '192.0.2.1', count: 5 }]);
    expect(ask(budget, 1, null)).toBe(1);
  });

  it('takes a flood from very many addresses for one flood', () => {
    const budget = new DenialBudget<string>();
    let written = 0;
    for (let i = 0; i < 30_000; i += 1) if (budget.admits({ orgId: null, address: `a${i}` }, 0)) written += 1;
    expect(written).toBeLessThanOrEqual(10_020);
  });
});
