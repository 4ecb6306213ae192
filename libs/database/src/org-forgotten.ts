import type { OrgId } from '@hub/domain';
import { QueryFailedError } from 'typeorm';

/** As migration 1795392970000 raises it. */
const CODE = 'HUB01';

/** Something was to be stored for an org that is forgotten: it gets no data key, no flow and no integration any more. */
export class OrgForgotten extends Error {
  constructor(
    readonly orgId: OrgId,
    options: { readonly cause?: unknown } = {},
  ) {
    super(`the org ${orgId} is forgotten`, options);
    this.name = 'OrgForgotten';
  }
}

/** True if the database has refused a row because its org is forgotten. */
export function isOfForgottenOrg(error: unknown): boolean {
  return error instanceof QueryFailedError && (error.driverError as { code?: string }).code === CODE;
}
