import { cloneDatabase, type OwnDatabase } from '../../support/database';
import { hubSettings, type HubSettings } from '../../support/hub-settings';
import { startSandbox, type OwnSandbox } from '../../support/sandbox';
import { storeIntegration, type Stored, type Wanted } from '../../support/stored-integration';

/** An integration of its own account at a provider. */
export interface Connected {
  readonly account: string;
  readonly stored: Stored;
}

/** What every test of the workers stands on: a database, providers, settings. */
export class WorkerStand {
  private lastAccount = 0;

  private constructor(
    readonly database: OwnDatabase,
    readonly sandbox: OwnSandbox,
    readonly settings: HubSettings,
  ) {}

  static async set(changed: Record<string, string> = {}): Promise<WorkerStand> {
    const [database, sandbox] = await Promise.all([cloneDatabase(), startSandbox()]);
    return new WorkerStand(database, sandbox, hubSettings(database, sandbox, changed));
  }

  async clear(): Promise<void> {
    this.settings.remove();
    await Promise.all([this.database.drop(), this.sandbox.stop()]);
  }

  /** A name for an account that nobody has yet, in the provider's spelling. */
  newAccount(provider: string): string {
    const name = `${provider.replace('_', '-')}-${++this.lastAccount}`;
    return provider === 'shopify' ? `${name}.myshopify.com` : name;
  }

  /**
   * A connected integration, its grant given by the provider.
   *
   * @param knobs what is special about the account at its provider
   */
  async connected(
    provider: string,
    wanted: Partial<Wanted> = {},
    knobs: Record<string, unknown> = {},
  ): Promise<Connected> {
    const account = this.newAccount(provider);
    if (Object.keys(knobs).length > 0) await this.sandbox.admin.set(provider, knobs, account);
    const grant = await this.sandbox.grant(provider, account);
    const stored = await storeIntegration(this.database, this.settings.vault, {
      provider,
      grant: { ...grant, account },
      inputs: provider === 'shopify' ? { shop: account } : {},
      lifeSeconds: grant.accessSeconds ?? 0,
      endsInSeconds: grant.accessSeconds === null ? null : grant.accessSeconds / 3,
      ...wanted,
    });
    return { account, stored };
  }

  /** The same with its refresh due now. */
  due(provider: string, wanted: Partial<Wanted> = {}, knobs: Record<string, unknown> = {}): Promise<Connected> {
    return this.connected(provider, { dueInSeconds: -1, ...wanted }, knobs);
  }

  /** An integration whose credential is a URL, with its check due now. */
  async webhook(wanted: Pick<Wanted, 'grant'> & Partial<Wanted>): Promise<Connected> {
    const provider = 'zapier';
    const stored = await storeIntegration(this.database, this.settings.vault, {
      provider,
      dueInSeconds: -1,
      ...wanted,
    });
    return { account: this.newAccount(provider), stored };
  }

  /** Forgets that a provider was ill. */
  async closeBreakers(): Promise<void> {
    await this.database.sql('delete from public.provider_breakers');
  }

  /** Makes a refresh due now, as a caller's wish or the next rung of the ladder would. */
  async makeDue({ stored }: Connected): Promise<void> {
    await this.database.sql('update public.integrations set next_refresh_at = now() where id = $1', [stored.id]);
  }
}
