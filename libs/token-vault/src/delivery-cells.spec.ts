import type { IntegrationId, OrgId, ProviderId } from '@hub/domain';
import { boundContext } from './cell';
import { deliveryDataCell, deliverySecretCell } from './delivery-cells';
import { tokenCell } from './grant-seal';

const of = {
  orgId: 'b7e1c9d0-5a2f-4c3e-8f60-1d2e3a4b5c6d' as OrgId,
  provider: 'zapier' as ProviderId,
  id: '6b1f3c9e-2f5d-4c1a-9b7e-0d3a5e8c7f21' as IntegrationId,
};

it('what is delivered, and what signs it, are bound to cells of their own, even where ids are the same', () => {
  expect(deliveryDataCell(of)).toEqual({
    table: 'deliveries',
    column: 'data',
    rowId: of.id,
    orgId: of.orgId,
    provider: 'zapier',
  });
  expect(deliverySecretCell({ ...of, integrationId: of.id })).toEqual({
    table: 'delivery_settings',
    column: 'secret',
    rowId: of.id,
    orgId: of.orgId,
    provider: 'zapier',
  });
  const cells = [
    deliveryDataCell(of),
    deliverySecretCell({ ...of, integrationId: of.id }),
    tokenCell(of, 'access_token'),
  ];
  expect(new Set(cells.map((cell) => boundContext(cell, 'k1').toString('hex'))).size).toBe(3);
});
