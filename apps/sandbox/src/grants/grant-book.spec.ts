import type { GrantOrder, RefreshManner } from '../../../../libs/providers/src/sandbox/sandbox-provider.sandbox';
import { GrantBook, type RefreshRules } from './grant-book';

const RULES: RefreshRules = {
  rotationGrace: 'until_used',
  rotationGraceCapSeconds: 1000,
  graceRetry: 'same_pair',
  reuseClosesGrant: false,
  oldAccessToken: 'lives',
  refuseRefreshes: false,
  accessTokenSeconds: 3600,
  refreshTokenSeconds: 7200,
};
const ROTATES: RefreshManner = { rotates: true, clientId: 'c' };

function setup(rules: Partial<RefreshRules> = {}, maxGrants = 100) {
  let now = 1_000_000;
  let minted = 0;
  const mint = { accessToken: () => `a${++minted}`, refreshToken: () => `r${++minted}` };
  const book = new GrantBook({ now: () => now, mint, maxGrants });
  const order = (fields: Partial<GrantOrder> = {}): GrantOrder => ({
    account: 'acme',
    clientId: 'c',
    scopes: ['s'],
    accessSeconds: 3600,
    refresh: { seconds: 7200 },
    details: {},
    ...fields,
  });
  const refresh = (token: string | null, manner = ROTATES) =>
    book.refresh(token ?? undefined, manner, () => ({ ...RULES, ...rules }));
  return {
    book,
    refresh,
    open: (fields: Partial<GrantOrder> = {}) => book.open(order(fields)).issued,
    /** Refreshes and answers what was handed out; fails the test when refused. */
    refreshed: (token: string | null, manner = ROTATES) => {
      const outcome = refresh(token, manner);
      if (!outcome.ok) throw new Error(outcome.reason);
      return outcome.issued;
    },
    wait: (seconds: number) => {
      now += seconds * 1000;
    },
  };
}

describe('rotation', () => {
  it('accepts each refresh token of a chain once', () => {
    const { open, refreshed, refresh } = setup({ rotationGrace: 0 });
    const chain = [open().refreshToken];
    for (let turn = 0; turn < 20; turn += 1) chain.push(refreshed(chain.at(-1)!).refreshToken);
    expect(new Set(chain).size).toBe(21);
    for (const old of chain.slice(0, -1)) expect(refresh(old).ok).toBe(false);
    expect(refresh(chain.at(-1)!).ok).toBe(true);
  });

  it('hands the same pair to a retry, with what is left of its life', () => {
    const { open, refreshed, wait } = setup();
    const { refreshToken } = open();
    const first = refreshed(refreshToken);
    wait(600);
    expect(refreshed(refreshToken)).toEqual({ ...first, accessSeconds: 3000, refreshSeconds: 6600 });
  });

  it('gives an access token that died before the retry its life back', () => {
    const { book, open, refreshed, wait } = setup({ rotationGraceCapSeconds: 100_000 });
    const { refreshToken } = open({ refresh: { seconds: null } });
    const { accessToken } = refreshed(refreshToken);
    wait(3600);
    expect(book.findAccess(accessToken)).toBeUndefined();
    expect(refreshed(refreshToken)).toMatchObject({ accessToken, accessSeconds: 3600 });
    expect(book.findAccess(accessToken)).toBeDefined();
  });

  it('can hand a fresh pair to a retry, and then only the newest counts', () => {
    const { open, refreshed, refresh } = setup({ graceRetry: 'new_pair' });
    const { refreshToken } = open();
    const lost = refreshed(refreshToken);
    const kept = refreshed(refreshToken);
    expect(kept.refreshToken).not.toBe(lost.refreshToken);
    expect(refresh(lost.refreshToken)).toMatchObject({ ok: false, reason: 'replaced' });
    expect(refresh(kept.refreshToken).ok).toBe(true);
    expect(refresh(refreshToken)).toMatchObject({ ok: false, reason: 'spent' });
  });

  it('closes the grant on reuse when told to', () => {
    const { book, open, refreshed, refresh } = setup({ rotationGrace: 0, reuseClosesGrant: true });
    const { refreshToken } = open();
    const next = refreshed(refreshToken);
    expect(refresh(refreshToken)).toMatchObject({ reason: 'spent' });
    expect(refresh(next.refreshToken)).toMatchObject({ reason: 'closed' });
    expect(book.findAccess(next.accessToken)).toBeUndefined();
  });

  it('keeps refresh token and generation apart where nothing rotates', () => {
    const { open, refreshed } = setup();
    const { refreshToken } = open();
    const manner = { rotates: false, clientId: 'c' };
    const answers = [refreshed(refreshToken, manner), refreshed(refreshToken, manner)];
    expect(answers.map((answer) => answer.refreshToken)).toEqual([null, null]);
    expect(new Set(answers.map((answer) => answer.accessToken)).size).toBe(2);
  });

  it.each([
    [{ rotates: true, clientId: 'other' }, 'foreign'],
    [{ rotates: true, clientId: 'c', account: 'elsewhere' }, 'foreign'],
  ])('refuses %j as %s', (manner, reason) => {
    const { open, refresh } = setup();
    expect(refresh(open().refreshToken, manner)).toMatchObject({ ok: false, reason });
  });

  it('tells a missing, an unknown and a forbidden refresh apart', () => {
    const { open, refresh } = setup({ refuseRefreshes: true });
    expect(refresh(null)).toMatchObject({ reason: 'missing' });
    expect(refresh('r999')).toMatchObject({ reason: 'unknown' });
    expect(refresh(open().refreshToken)).toMatchObject({ reason: 'setting' });
  });
});

describe('grants', () => {
  it('of an account end together, of others not', () => {
    const { book, open } = setup();
    const [mine, too, other] = [open(), open(), open({ account: 'other' })];
    expect(book.close({ account: 'acme' }, 'revoked')).toHaveLength(2);
    expect([mine, too, other].map((one) => book.findAccess(one.accessToken) !== undefined)).toEqual([
      false,
      false,
      true,
    ]);
    expect(book.close({ account: 'acme' }, 'revoked')).toHaveLength(0);
  });

  it('expire by the clock and by command', () => {
    const { book, open, wait, refresh } = setup();
    const { accessToken } = open();
    wait(3599);
    expect(book.findAccess(accessToken)).toBeDefined();
    wait(1);
    expect(book.findAccess(accessToken)).toBeUndefined();
    const later = open({ account: 'later' });
    expect(book.expire('access', 'later')).toBe(1);
    expect(book.findAccess(later.accessToken)).toBeUndefined();
    expect(book.expire('refresh', 'later')).toBe(1);
    expect(refresh(later.refreshToken)).toMatchObject({ reason: 'expired' });
  });

  it('are forgotten beyond the limit, closed ones first, and leave no token behind', () => {
    const { book, open } = setup({}, 10);
    const closed = open({ account: 'closed' });
    book.close({ account: 'closed' }, 'revoked');
    const first = open({ account: 'first' });
    for (let more = 0; more < 9; more += 1) open({ account: `more ${more}` });
    expect(book.grantOf(closed.accessToken)).toBeUndefined();
    expect(book.findAccess(first.accessToken)).toBeDefined();
    open({ account: 'one too many' });
    expect(book.findAccess(first.accessToken)).toBeUndefined();
    expect(book.sizes()).toEqual({ living: 10, closed: 0, accessTokens: 10, refreshTokens: 10 });
  });

  it('remember a bounded number of tokens each', () => {
    const { book, open, refreshed } = setup({ rotationGrace: 0 });
    let token = open().refreshToken;
    for (let turn = 0; turn < 500; turn += 1) token = refreshed(token).refreshToken;
    expect(book.sizes()).toEqual({ living: 1, closed: 0, accessTokens: 16, refreshTokens: 9 });
  });
});
