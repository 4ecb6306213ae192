import type { CodeOrder } from '../../../../libs/providers/src/sandbox/sandbox-provider.sandbox';
import { CodeBook, provesChallenge } from './code-book';

const ORDER: CodeOrder = {
  account: 'acme',
  clientId: 'c',
  redirectUri: 'https://hub/callback',
  scopes: [],
  challenge: null,
  details: {},
};
const PROOF = { clientId: 'c', redirectUri: ORDER.redirectUri, verifier: undefined };

function setup() {
  let now = 0;
  let minted = 0;
  const codes = new CodeBook({ now: () => now, mint: () => `code${++minted}` });
  return { codes, wait: (seconds: number) => (now += seconds * 1000) };
}

describe('an authorization code', () => {
  it('is redeemed once, with what was asked', () => {
    const { codes } = setup();
    const code = codes.open(ORDER, 600);
    expect(codes.redeem(code, PROOF)).toEqual({ ok: true, order: ORDER });
    expect(codes.redeem(code, PROOF)).toEqual({ ok: false, reason: 'used' });
  });

  it('knows what it was exchanged for', () => {
    const { codes } = setup();
    const code = codes.open(ORDER, 600);
    expect(codes.grantOf(code)).toBeUndefined();
    codes.redeem(code, PROOF);
    codes.tie(code, 'g1');
    expect(codes.grantOf(code)).toBe('g1');
    codes.tie('unknown', 'g2');
    expect(codes.grantOf('unknown')).toBeUndefined();
  });

  it.each([
    [{ clientId: 'other' }, 'foreign'],
    [{ account: 'other' }, 'foreign'],
    [{ redirectUri: 'https://hub/callback/' }, 'redirect_mismatch'],
  ])('is refused to %j, and not burnt by it', (wrong, reason) => {
    const { codes } = setup();
    const code = codes.open(ORDER, 600);
    expect(codes.redeem(code, { ...PROOF, ...wrong })).toEqual({ ok: false, reason });
    expect(codes.redeem(code, PROOF).ok).toBe(true);
  });

  it('expires', () => {
    const { codes, wait } = setup();
    const code = codes.open(ORDER, 600);
    wait(600);
    expect(codes.redeem(code, PROOF)).toEqual({ ok: false, reason: 'expired' });
  });

  it('wants its PKCE verifier', () => {
    const { codes } = setup();
    // Vector of RFC 7636 appendix B.
    const challenge = { value: 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM', method: 'S256' as const };
    const verifier = 'dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk';
    const code = codes.open({ ...ORDER, challenge }, 600);
    expect(codes.redeem(code, PROOF)).toEqual({ ok: false, reason: 'verifier_missing' });
    expect(codes.redeem(code, { ...PROOF, verifier: 'x' })).toEqual({ ok: false, reason: 'verifier_wrong' });
    expect(codes.redeem(code, { ...PROOF, verifier }).ok).toBe(true);
    expect(provesChallenge('same', { value: 'same', method: 'plain' })).toBe(true);
  });
});
