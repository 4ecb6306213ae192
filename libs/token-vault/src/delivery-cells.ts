import type { IntegrationId, OrgId, ProviderId } from '@hub/domain';
import type { Cell } from './cell';

/** The cell of what a delivery sends. @param owner `id` is that of its row in `deliveries` */
export function deliveryDataCell(owner: {
  readonly orgId: OrgId;
  readonly provider: ProviderId;
  readonly id: string;
}): Cell {
  return { table: 'deliveries', column: 'data', orgId: owner.orgId, provider: owner.provider, rowId: owner.id };
}

/** The cell of the secret that signs an integration's deliveries; the one before a rotation stays sealed for it as well. */
export function deliverySecretCell(owner: {
  readonly orgId: OrgId;
  readonly provider: ProviderId;
  readonly integrationId: IntegrationId;
}): Cell {
  const { orgId, provider, integrationId } = owner;
  return { table: 'delivery_settings', column: 'secret', orgId, provider, rowId: integrationId };
}
