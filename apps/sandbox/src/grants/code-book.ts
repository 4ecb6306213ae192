import { createHash } from 'node:crypto';
import type {
  CodeOrder,
  CodeProof,
  CodeRefusal,
  RedeemedCode,
} from '../../../../libs/providers/src/sandbox/sandbox-provider.sandbox';

interface OpenCode {
  order: CodeOrder;
  /** Milliseconds of the provider's clock. */
  expiresAt: number;
  used: boolean;
  /** What it was exchanged for; null before that. */
  grantId: string | null;
}

const CODES_KEPT = 20_000;

/** Authorization codes of one provider: each redeemed once, by who can prove it is theirs (RFC 6749 section 4.1). */
export class CodeBook {
  private readonly codes = new Map<string, OpenCode>();

  constructor(private readonly parts: { now(): number; mint(): string }) {}

  open(order: CodeOrder, seconds: number): string {
    const code = this.parts.mint();
    this.codes.set(code, { order, expiresAt: this.parts.now() + seconds * 1000, used: false, grantId: null });
    if (this.codes.size > CODES_KEPT) this.codes.delete(this.codes.keys().next().value!);
    return code;
  }

  /** A refused code is not burnt: only the redemption that succeeds uses it up. */
  redeem(code: string | undefined, proof: CodeProof): RedeemedCode {
    const found = code === undefined ? undefined : this.codes.get(code);
    if (!found) return { ok: false, reason: 'unknown' };
    const reason = this.refusal(found, proof);
    if (reason) return { ok: false, reason };
    found.used = true;
    return { ok: true, order: found.order };
  }

  /** Remembers what a redeemed code was exchanged for. */
  tie(code: string, grantId: string): void {
    const found = this.codes.get(code);
    if (found) found.grantId = grantId;
  }

  /** The grant that a used code was exchanged for. */
  grantOf(code: string): string | undefined {
    return this.codes.get(code)?.grantId ?? undefined;
  }

  accountOf(code: string): string | undefined {
    return this.codes.get(code)?.order.account;
  }

  private refusal(found: OpenCode, proof: CodeProof): CodeRefusal | undefined {
    const { order } = found;
    if (found.used) return 'used';
    if (found.expiresAt <= this.parts.now()) return 'expired';
    if (order.clientId !== proof.clientId) return 'foreign';
    if (proof.account !== undefined && order.account !== proof.account) return 'foreign';
    if (proof.redirectUri !== undefined && order.redirectUri !== proof.redirectUri) return 'redirect_mismatch';
    if (!order.challenge) return undefined;
    if (!proof.verifier) return 'verifier_missing';
    return provesChallenge(proof.verifier, order.challenge) ? undefined : 'verifier_wrong';
  }
}

/** RFC 7636 section 4.6. */
export function provesChallenge(verifier: string, challenge: { value: string; method: 'S256' | 'plain' }): boolean {
  const derived = challenge.method === 'plain' ? verifier : createHash('sha256').update(verifier).digest('base64url');
  return derived === challenge.value;
}
