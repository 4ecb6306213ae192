import type { Actor, AuditEntry, IntegrationId, OrgId, ProviderId } from '@hub/domain';
import type { EntityManager } from 'typeorm';
import { appendEvents } from './audit.repository';
import { openAsEraser } from './eraser-database';
import type { HubDatabase } from './hub-database';
import { isDeadlock } from './refused-statement';
import { affected, selectOne } from './statements';

/** What still has to happen before an org's keys may go. */
export interface Waiting {
  /** Grants on their way back that will be tried again. */
  readonly revocations: number;
  /** Grants whose provider has not taken them back, however often it was asked. */
  readonly dead: number;
  /** For so long answers of refreshes and connects that were under way may come. */
  readonly answersForMs: number;
}

/** What was destroyed. */
export interface Erased {
  readonly dataKeys: number;
  /** Grants that were dropped without being given back. */
  readonly grantsDropped: number;
}

/** Whoever is in each other's way twice is not a third time: the other one has ended by then. */
const TRIES = 5;
/**
 * From its callback on, a connect has stored its grant or given it back: two keys of the key provider, an exchange of 10 s at
 * most, a question whose account it is of 15 s, and time to spare.
 */
const CONNECT_SECONDS = 60;
/** Flows whose code may be on its way to the provider: a disconnect cancels those as well. */
const MAY_ANSWER = `status in ('taken', 'cancelled') and expires_at > now() - make_interval(secs => ${CONNECT_SECONDS})`;

/**
 * Forgets orgs, as the role `hub_eraser`. Each step is a transaction of its own with its events, and may be done again:
 * whoever was interrupted begins anew.
 */
export class OrgErasureRepository {
  private constructor(private readonly database: HubDatabase) {}

  /**
   * @param adminUrl a login that may become `hub_eraser`: the administrator's, or a member of `hub_migrator`
   * @throws Error if it has not become that, since a pooler on the way has dropped the wish
   */
  static async open(adminUrl: string): Promise<OrgErasureRepository> {
    return new OrgErasureRepository(await openAsEraser(adminUrl, 'hub-org-forget'));
  }

  async close(): Promise<void> {
    await this.database.close();
  }

  /**
   * From here on nothing new is stored for the org. Whoever is storing something just now is waited for.
   *
   * @returns `unknown` if the hub has never had anything of it; else whether it was forgotten already
   */
  async begin(orgId: OrgId, actor: Actor): Promise<'unknown' | 'begun' | 'forgotten'> {
    return this.inOrg(orgId, async (manager) => {
      const { known } = await selectOne<{ known: boolean }>(
        manager,
        `select exists (select from public.audit_heads) or exists (select from public.data_keys)
           or exists (select from public.integrations) or exists (select from public.forgotten_orgs) as known`,
      );
      if (!known) return 'unknown';
      const begun: unknown[] = await manager.query(
        'insert into public.forgotten_orgs (org_id) values ($1) on conflict (org_id) do nothing returning org_id',
        [orgId],
      );
      // whoever is signed in to the console is not any more
      await manager.query('delete from public.console_sessions');
      await manager.query('delete from public.console_links');
      if (begun.length === 1) await append(manager, actor, 'org.forget_started', {});
      const { done } = await selectOne<{ done: boolean }>(
        manager,
        'select forgotten_at is not null as done from public.forgotten_orgs',
      );
      return done ? 'forgotten' : 'begun';
    });
  }

  /**
   * Ends every integration as a disconnect does: its grants go to revocation, flows end. A flow whose code may be on its way
   * to the provider stays for a minute at most: its connect finds nothing to store to, and gives its grant back.
   *
   * @param toGiveBack what a provider's grant needs to be given back; `undefined` if there is nothing to give
   * @returns the providers that were connected
   */
  async disconnect(
    orgId: OrgId,
    toGiveBack: (provider: ProviderId) => 'disconnect' | 'uninstall' | undefined,
    actor: Actor,
  ): Promise<ProviderId[]> {
    return this.inOrg(orgId, async (manager) => {
      const rows: { provider: ProviderId }[] = await manager.query(
        'select provider from public.integrations order by provider',
      );
      await manager.query(
        `update public.forgotten_orgs f set answers_until = greatest(f.answers_until, (select max(i.lease_until) from public.integrations i))`,
      );
      // a callback that takes its flow meanwhile is waited for: the row is looked at again
      await manager.query(`delete from public.flows where not (${MAY_ANSWER})`);
      await manager.query(
        `update public.forgotten_orgs set connects_until = now() + make_interval(secs => ${CONNECT_SECONDS})
         where connects_until is null and exists (select from public.flows)`,
      );
      const entries: AuditEntry[] = []; // together and last: nobody waits for a row while it keeps the trail's head
      for (const { provider } of rows) {
        const reason = toGiveBack(provider);
        const revoke = reason !== undefined;
        const [gone]: { id: IntegrationId }[] = await manager.query('select id from hub.disconnect($1, $2, $3)', [
          provider,
          revoke,
          reason ?? 'disconnect',
        ]);
        if (gone)
          entries.push({
            name: 'integration.disconnected',
            detail: { revoke, uninstall: reason === 'uninstall', because: 'org.forget_started' },
            provider,
            integrationId: gone.id,
            actor,
          });
      }
      await appendEvents(manager, entries);
      return rows.map(({ provider }) => provider);
    });
  }

  /**
   * How many values of the org were sealed by a key of `TOKEN_KEYS` itself, as earlier releases did: destroying its data keys
   * does not reach their copies.
   */
  async sealedWithoutDataKey(orgId: OrgId): Promise<number> {
    return this.database.withOrg(orgId, async (manager) => {
      const { values } = await selectOne<{ values: number }>(
        manager,
        `select coalesce(sum(s.cells), 0)::int as values from hub.sealed_places() s
         where s.key_id <> '' and not exists (select from public.data_keys k where k.id::text = s.key_id)`,
      );
      return values;
    });
  }

  /** What is still to come back before the keys may go. */
  async waiting(orgId: OrgId): Promise<Waiting> {
    return this.database.withOrg(orgId, (manager) =>
      selectOne<Waiting>(
        manager,
        `select count(*) filter (where r.next_attempt_at is not null)::int as revocations,
           count(*) filter (where r.next_attempt_at is null and r.id is not null)::int as dead,
           coalesce(greatest(0, extract(epoch from max(greatest(f.answers_until,
             case when exists (select from public.flows w where w.status in ('taken', 'cancelled')) then f.connects_until end)) - now()) * 1000), 0)::int
             as "answersForMs"
         from public.forgotten_orgs f left join public.revocations r on true`,
      ),
    );
  }

  /** Destroys the org's data keys, and with them all that they have sealed, here and in every copy. */
  async shred(orgId: OrgId, actor: Actor): Promise<Erased> {
    return this.inOrg(orgId, async (manager) => {
      // first, so that whoever is storing a grant just now is waited for, and nobody stores one after
      await manager.query('update public.forgotten_orgs set forgotten_at = coalesce(forgotten_at, now())');
      const grantsDropped =
        (await affected(manager, 'delete from public.revocations', [])) +
        (await affected(manager, 'delete from public.token_inbox', []));
      await manager.query('delete from public.flows');
      await manager.query('delete from public.delivery_settings');
      await manager.query('delete from public.deliveries');
      const dataKeys = await affected(
        manager,
        "update public.data_keys set wrapped_key = '', status = 'shredded', status_changed_at = now() where status <> 'shredded'",
        [],
      );
      await append(manager, actor, 'org.forgotten', { dataKeys, grantsDropped });
      return { dataKeys, grantsDropped };
    });
  }

  /** One step. It is taken anew where PostgreSQL has ended it, since it and a worker or an app were waiting for each other. */
  private async inOrg<T>(orgId: OrgId, step: (manager: EntityManager) => Promise<T>): Promise<T> {
    for (let tries = 1; ; tries += 1)
      try {
        return await this.database.withOrg(orgId, step);
      } catch (error) {
        if (!isDeadlock(error) || tries === TRIES) throw error;
      }
  }
}

async function append(
  manager: EntityManager,
  actor: Actor,
  name: 'org.forget_started' | 'org.forgotten',
  detail: Record<string, unknown>,
): Promise<void> {
  await appendEvents(manager, [{ name, detail, provider: null, integrationId: null, actor }]);
}
