import type { CommonSettings, ProviderSandbox } from '../../../libs/providers/src/sandbox/sandbox-provider.sandbox';
import { FaultList } from './faults/fault-list';
import { CodeBook } from './grants/code-book';
import { GrantBook } from './grants/grant-book';
import { DeliveryBox } from './history/delivery-box';
import type { History } from './history/history';
import { Statistics } from './history/statistics';
import { RateLimiter } from './limits/rate-limiter';
import { SettingsBook } from './settings/settings-book';
import { Flights } from './wire/flights';

export interface WorldLimits {
  /** Entries the history keeps, over all providers. */
  historySize: number;
  /** Grants kept per provider. */
  maxGrants: number;
  /** Deliveries kept per provider. */
  maxDeliveries: number;
}

/** Everything one provider's stand-in remembers. */
export class ProviderState<S extends CommonSettings = CommonSettings> {
  readonly settings: SettingsBook<S>;
  readonly faults = new FaultList();
  readonly limiter = new RateLimiter();
  readonly flights = new Flights();
  private readonly accountIds = new Map<string, string>();
  codes!: CodeBook;
  grants!: GrantBook;
  deliveries!: DeliveryBox;
  statistics!: Statistics;

  constructor(
    readonly provider: ProviderSandbox<S>,
    readonly history: History,
    private readonly limits: WorldLimits,
  ) {
    this.settings = new SettingsBook(provider.defaults, (candidate) => provider.readSettings(candidate));
    this.forget();
  }

  /** The provider's clock, in milliseconds. */
  now(): number {
    return Date.now() + this.settings.for().clockOffsetSeconds * 1000;
  }

  /** The provider's own id of an account; kept, since the history names it in every line. */
  accountId(account: string): string {
    let id = this.accountIds.get(account);
    if (id === undefined) {
      id = this.provider.accountId(account);
      if (this.accountIds.size >= this.limits.maxGrants) this.accountIds.clear();
      this.accountIds.set(account, id);
    }
    return id;
  }

  /** Back to the first minute: no grants, no faults, default knobs. */
  reset(): void {
    this.settings.reset();
    this.faults.clear();
    this.limiter.clear();
    this.history.clear(this.provider.id);
    this.forget();
  }

  private forget(): void {
    const now = (): number => this.now();
    const { mint } = this.provider;
    this.codes = new CodeBook({ now, mint: () => mint.code() });
    this.grants = new GrantBook({ now, mint, maxGrants: this.limits.maxGrants });
    this.deliveries = new DeliveryBox(this.limits.maxDeliveries);
    this.statistics = new Statistics();
  }
}
