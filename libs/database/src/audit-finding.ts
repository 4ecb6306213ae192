import type { OrgId } from '@hub/domain';

/** What was done to a trail. */
export type AuditFindingKind =
  /** A value of this event is not the one that was written. */
  | 'edited'
  /** Events between others are gone. */
  | 'missing'
  /** An event that the hub never wrote. */
  | 'inserted'
  /** An event that stands under another's number. */
  | 'reordered'
  /** The last events are gone. */
  | 'truncated'
  /** The chain fits together, and is another than the one that was sealed. */
  | 'rewritten'
  /** The head does not tell where the trail ends. */
  | 'head'
  /** A checkpoint that no prune has sealed. */
  | 'checkpoint'
  /** The seals themselves are broken. */
  | 'seal';

/** One thing that is wrong, named so that somebody can look at it. */
export interface AuditFinding {
  readonly kind: AuditFindingKind;
  /** `null`: of the seals, which belong to no org. */
  readonly orgId: OrgId | null;
  /** The first event that it is about; of seals the number of the seal. */
  readonly seq: number;
  readonly what: string;
}
