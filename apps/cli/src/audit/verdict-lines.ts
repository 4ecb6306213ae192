import type { AuditFinding, AuditVerdict, ExportVerdict } from '@hub/database';

/** A finding for people: which trail, where in it, what kind, and in words. */
export function findingLine({ kind, orgId, seq, what }: AuditFinding): string {
  return `✗ ${orgId ?? 'seals'} ${seq} ${kind}: ${what}`;
}

/** What a verification has looked at. */
export function verdictLine({ orgs, events, findings }: AuditVerdict, seals: number | null, tookMs: number): string {
  const against = seals === null ? 'without seals' : `against ${counted(seals, 'seal')}`;
  const looked = `${counted(events, 'event')} of ${counted(orgs, 'org')} ${against} in ${seconds(tookMs)}`;
  return findings.length === 0 ? `✓ ${looked}: all as written` : `✗ ${looked}: ${counted(findings.length, 'finding')}`;
}

/** What reading an export has come to, a line for each trouble and one at the end. */
export function exportLines({ total, findings, troubles, isStamped }: ExportVerdict, tookMs: number): string[] {
  const bad = findings.length + troubles.length;
  const stamp = isStamped ? 'stamped by a key of AUDIT_SEAL_KEY' : 'no stamp that a key here could confirm';
  const looked = `${counted(total.events, 'event')} of ${counted(total.orgs, 'org')}, ${stamp}, in ${seconds(tookMs)}`;
  return [
    ...findings.map(findingLine),
    ...troubles.map((trouble) => `✗ file: ${trouble}`),
    bad === 0 ? `✓ ${looked}: all as written` : `✗ ${looked}: ${counted(bad, 'finding')}`,
  ];
}

export function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? '' : 's'}`;
}

function seconds(ms: number): string {
  return `${(ms / 1_000).toFixed(2)} s`;
}
