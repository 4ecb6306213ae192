import { tokenCell } from '@hub/token-vault';
import type { IntegrationId, OrgId, ProviderId } from '@hub/domain';
import type { SandboxEntry } from '../../support/sandbox-admin';
import type { Member } from '../fleet/fleet';
import type { ProveHub } from '../fleet/prove-hub';
import { fingerprint, type FinalRow, type Presentation, type Subject, type TrailEvent } from './history';

const ENTRIES_AT_ONCE = 50_000;

/** A line of the sandbox's log about a refresh, with what only the checker reads. */
interface RefreshLine extends SandboxEntry {
  readonly overlapping?: boolean;
}

/** Everything that a provider of the sandbox was asked at its token endpoint, in order. */
export async function readPresentations(hub: ProveHub, provider: string): Promise<Presentation[]> {
  const found: Presentation[] = [];
  for (let after = 0, more = true; more;) {
    const query = new URLSearchParams({
      provider,
      kind: 'refresh',
      limit: String(ENTRIES_AT_ONCE),
      after: String(after),
    });
    const page = await hub.sandbox.call<{ entries: RefreshLine[]; oldestSeq: number | null; more: boolean }>(
      'GET',
      `/log?${query}`,
    );
    found.push(...page.entries.map(toPresentation));
    after = page.entries.at(-1)?.seq ?? after;
    more = page.more;
  }
  return found;
}

function toPresentation(entry: RefreshLine): Presentation {
  return {
    seq: entry.seq,
    at: Date.parse(entry.at),
    account: entry.account ?? '',
    presented: entry.presented ?? null,
    accepted: entry.accepted ?? false,
    reason: entry.reason ?? null,
    overlapping: entry.overlapping ?? false,
    answer: entry.answer ?? 'pending',
    handedOut: entry.handedOut ?? null,
  };
}

interface EventRow {
  integration_id: string;
  seq: string;
  at: Date;
  name: string;
  expires_at: string | null;
  verified: string | null;
}

/** The audit trail of all orgs, as far as it tells of integrations. */
export async function readTrail(hub: ProveHub): Promise<TrailEvent[]> {
  const rows = await hub.database.rows<EventRow>(
    `select integration_id, seq, at, name, detail->>'expiresAt' as expires_at, detail->>'verified' as verified
     from public.audit_events where integration_id is not null order by org_id, seq`,
  );
  return rows.map((row) => ({
    integrationId: row.integration_id,
    seq: Number(row.seq),
    at: row.at.getTime(),
    name: row.name,
    expiresAt: row.expires_at === null ? null : Date.parse(row.expires_at),
    verified: row.verified !== null,
  }));
}

interface TokenRow {
  id: string;
  status: FinalRow['status'];
  access_token: string;
  refresh_token: string | null;
  expires_at: Date | null;
  failed_refreshes: number;
  refresh_failure_code: string | null;
  next_refresh_at: Date | null;
}

/** The table as it stands, its tokens opened and named by their fingerprints. */
export async function readSubjects(hub: ProveHub, members: readonly Member[]): Promise<Subject[]> {
  const rows = await hub.database.rows<TokenRow>(
    `select id, status, access_token, refresh_token, expires_at, failed_refreshes, refresh_failure_code, next_refresh_at
     from public.integrations`,
  );
  const byId = new Map(rows.map((row) => [row.id, row]));
  return Promise.all(
    members.map(async (member) => {
      const row = byId.get(member.id);
      return { ...member, row: row ? await opened(hub, member, row) : null };
    }),
  );
}

async function opened(hub: ProveHub, member: Member, row: TokenRow): Promise<FinalRow> {
  const owner = {
    id: member.id as IntegrationId,
    orgId: member.orgId as OrgId,
    provider: member.provider as ProviderId,
  };
  const open = async (column: 'access_token' | 'refresh_token', sealed: string): Promise<string> =>
    fingerprint((await hub.vault.open(tokenCell(owner, column), sealed)).reveal());
  return {
    status: row.status,
    accessPrint: await open('access_token', row.access_token),
    refreshPrint: row.refresh_token === null ? null : await open('refresh_token', row.refresh_token),
    expiresAt: row.expires_at?.getTime() ?? null,
    failedRefreshes: row.failed_refreshes,
    failureCode: row.refresh_failure_code,
    nextRefreshAt: row.next_refresh_at?.getTime() ?? null,
  };
}
