import type { IntegrationId, OrgId, ProviderId, Sealed, SealedGrant, Status } from '@hub/domain';
import { STATUSES } from '@hub/domain';
import type { WrappedDataKey } from '@hub/token-vault';
import { z } from 'zod';
import type { Doubt } from '../refresh/refresh-answer';

/** A sealed grant that could not be committed yet, with all that its commit needs: ids, an epoch, times; no secret in the clear. */
export interface SpooledAnswer {
  readonly orgId: OrgId;
  readonly integrationId: IntegrationId;
  readonly provider: ProviderId;
  /** Should the integration be gone by then, the grant goes back to its provider with these. */
  readonly accountId: string | null;
  readonly inputs: Readonly<Record<string, string>>;
  /** Of the claim under which it was asked for. */
  readonly epoch: number;
  /** The integration's status at the claim. */
  readonly claimedStatus: Status;
  readonly grant: SealedGrant;
  /** What the grant is sealed under, wrapped: a database that was set back may not know it. `null` in files of before. */
  readonly dataKey: WrappedDataKey | null;
  /** When it came, by the database's clock. */
  readonly answeredAt: Date;
  readonly doubt: Doubt | null;
}

const FORMAT = 1;
const sealed = z.string().regex(/^hub1\./);
const time = z.iso.datetime();

/**
 * Strict, and so is the release before: it cannot read a file with a field that it does not know. A new one must wait for
 * the release after, or do without (test/integration/upgrade).
 */
const spooledAnswer = z.strictObject({
  format: z.literal(FORMAT),
  orgId: z.uuid(),
  integrationId: z.uuid(),
  provider: z.string(),
  accountId: z.string().nullable(),
  inputs: z.record(z.string(), z.string()),
  epoch: z.number().int(),
  claimedStatus: z.enum(STATUSES),
  grant: z.strictObject({
    accessToken: sealed,
    refreshToken: sealed.optional(),
    issuedAt: time,
    expiresAt: time.nullable(),
    refreshExpiresAt: time.nullable(),
    scope: z.string().nullable().optional(),
  }),
  dataKey: z
    .strictObject({
      orgId: z.uuid(),
      id: z.uuid(),
      keyProvider: z.string(),
      wrappingKeyId: z.string(),
      wrapped: z.string(),
    })
    .nullable()
    .default(null),
  answeredAt: time,
  doubt: z.strictObject({ retry: z.string(), lost: z.string() }).nullable(),
  rescoped: z.unknown().optional(), // some files have it; what it said is read from the row
});

/** Names an answer: one for each claim. */
export function answerName({ integrationId, epoch }: Pick<SpooledAnswer, 'integrationId' | 'epoch'>): string {
  return `${integrationId}-${epoch}`;
}

export function formatAnswer(answer: SpooledAnswer): string {
  return JSON.stringify({ format: FORMAT, ...answer });
}

/** @returns `undefined` if the text is no answer of this format */
export function parseAnswer(text: string): SpooledAnswer | undefined {
  const parsed = spooledAnswer.safeParse(parseJson(text));
  if (!parsed.success) return undefined;
  const { format: _format, rescoped: _rescoped, grant, ...answer } = parsed.data;
  return {
    ...answer,
    orgId: answer.orgId as OrgId,
    integrationId: answer.integrationId as IntegrationId,
    provider: answer.provider as ProviderId,
    dataKey: answer.dataKey as WrappedDataKey | null,
    answeredAt: new Date(answer.answeredAt),
    doubt: answer.doubt as Doubt | null,
    grant: {
      accessToken: grant.accessToken as Sealed,
      refreshToken: grant.refreshToken as Sealed | undefined,
      issuedAt: new Date(grant.issuedAt),
      expiresAt: toDate(grant.expiresAt),
      refreshExpiresAt: toDate(grant.refreshExpiresAt),
      scope: grant.scope,
    },
  };
}

function toDate(text: string | null): Date | null {
  return text === null ? null : new Date(text);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
