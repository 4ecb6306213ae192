import type { CommonSettings } from '../../../../libs/providers/src/sandbox/sandbox-provider.sandbox';

const ACCOUNTS_KEPT = 50_000;

/** The knobs of one provider: one set for all, and what single accounts have otherwise. */
export class SettingsBook<S extends CommonSettings> {
  private shared: S;
  private readonly overrides = new Map<string, Partial<S>>();
  private readonly merged = new Map<string, S>();

  constructor(
    private readonly defaults: S,
    private readonly read: (candidate: unknown) => S,
  ) {
    this.shared = read(defaults);
  }

  for(account?: string): S {
    if (account === undefined) return this.shared;
    const known = this.merged.get(account);
    if (known) return known;
    const override = this.overrides.get(account);
    if (!override) return this.shared;
    const merged = { ...this.shared, ...override };
    this.merged.set(account, merged);
    return merged;
  }

  /** Changes knobs for one account or for all; throws a ZodError on an unknown or bad one and then changes nothing. */
  change(account: string | undefined, patch: object): S {
    const changed = this.read({ ...this.for(account), ...patch });
    if (account === undefined) {
      this.shared = changed;
      this.merged.clear();
      return changed;
    }
    this.overrides.set(account, { ...this.overrides.get(account), ...(patch as Partial<S>) });
    this.merged.delete(account);
    if (this.overrides.size > ACCOUNTS_KEPT) {
      const oldest = this.overrides.keys().next().value!;
      this.overrides.delete(oldest);
      this.merged.delete(oldest);
    }
    return changed;
  }

  /** Back to the defaults, for one account or for all. */
  reset(account?: string): void {
    if (account === undefined) {
      this.shared = this.read(this.defaults);
      this.overrides.clear();
      this.merged.clear();
      return;
    }
    this.overrides.delete(account);
    this.merged.delete(account);
  }

  accountsWithOverrides(): number {
    return this.overrides.size;
  }
}
