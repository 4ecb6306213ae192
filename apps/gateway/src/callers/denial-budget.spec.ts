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
    expect(budget.close(MINUTE_MS)).toEqual([{ orgId: null, address: '192.0.2.1', count: 5, sources: 1 }]);
    expect(ask(budget, 1, null)).toBe(1);
  });

  it('takes a /64 of IPv6 for one address, and tells the one that came first', () => {
    const budget = new DenialBudget<string>();
    let written = 0;
    for (let i = 1; i <= 50; i += 1)
      if (budget.admits({ orgId: null, address: `2001:db8:1:2::${i.toString(16)}` }, 0)) written += 1;
    expect(written).toBe(20);
    expect(ask(budget, 1, null, '2001:db8:1:3::1')).toBe(1);
    expect(budget.closeNow()).toEqual([{ orgId: null, address: '2001:db8:1:2::1', count: 30, sources: 1 }]);
  });

  it('writes two thousand of nobody from all addresses together, and no fewer of an org', () => {
    const budget = new DenialBudget<string>();
    let written = 0;
    for (let i = 0; i < 30_000; i += 1) if (budget.admits({ orgId: null, address: `a${i}` }, 0)) written += 1;
    expect(written).toBe(2_000);
    expect(ask(budget, 3, 'org-a')).toBe(3);
    budget.closeNow();
    expect(ask(budget, 50, null)).toBe(20);
  });

  it('tells what it did not write in few words, and loses none of it', () => {
    const budget = new DenialBudget<string>();
    const FLOOD = 30_000;
    for (let i = 0; i < FLOOD; i += 1) budget.admits({ orgId: null, address: `a${i}` }, 0);
    ask(budget, 1_000, null, 'a5000');
    const told = budget.closeNow();
    expect(told.length).toBe(51);
    expect(told.reduce((sum, { count }) => sum + count, 0)).toBe(FLOOD + 1_000 - 2_000);
    expect(told[0]).toMatchObject({ address: 'many', sources: 1 });
    expect(told.at(-1)).toMatchObject({ orgId: null, address: 'many', sources: expect.any(Number) });
  });
});
