import { csrfProof, hashSecret, isCsrfProof, isSecret, looksLikeSecret, newSecret } from './secrets';

describe('a secret', () => {
  it('is 256 bits, never the same, in letters that a URL takes', () => {
    const secrets = Array.from({ length: 100 }, newSecret);
    expect(new Set(secrets).size).toBe(100);
    for (const secret of secrets) {
      expect(Buffer.from(secret, 'base64url')).toHaveLength(32);
      expect(encodeURIComponent(secret)).toBe(secret);
      expect(looksLikeSecret(secret)).toBe(true);
    }
  });

  it.each([
    '',
    'short',
    'A'.repeat(42),
    'A'.repeat(44),
    `${'A'.repeat(42)}=`,
    `${'A'.repeat(42)}+`,
    `${'A'.repeat(43)}\n`,
  ])('is not “%s”', (text) => {
    expect(looksLikeSecret(text)).toBe(false);
  });

  it('is known again by its hash alone', () => {
    const secret = newSecret();
    expect(isSecret(secret, hashSecret(secret))).toBe(true);
    expect(isSecret(newSecret(), hashSecret(secret))).toBe(false);
    expect(isSecret(undefined, hashSecret(secret))).toBe(false);
    expect(isSecret(secret, null)).toBe(false);
    expect(hashSecret(secret).toString('base64url')).not.toContain(secret);
  });
});

describe("a form's proof", () => {
  it('holds for its cookie and its page alone', () => {
    const [cookie, page] = [newSecret(), newSecret()];
    const proof = csrfProof(cookie, page);
    expect(isCsrfProof(proof, cookie, page)).toBe(true);
    expect(isCsrfProof(proof, newSecret(), page)).toBe(false);
    expect(isCsrfProof(proof, cookie, newSecret())).toBe(false);
    expect(isCsrfProof(proof.slice(1), cookie, page)).toBe(false);
    expect(isCsrfProof('', cookie, page)).toBe(false);
    expect(proof).not.toContain(cookie);
  });
});
