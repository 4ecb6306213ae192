import { CreateIntegrations1795392000000 } from './1795392000000-create-integrations';
import { CreateAuditTrail1795392100000 } from './1795392100000-create-audit-trail';
import { CreateFlows1795392200000 } from './1795392200000-create-flows';
import { CreateRevocations1795392300000 } from './1795392300000-create-revocations';
import { CreateNarrowDoors1795392400000 } from './1795392400000-create-narrow-doors';
import { CreateProviderBreakers1795392500000 } from './1795392500000-create-provider-breakers';
import { IndexDueRefreshesByProvider1795392660000 } from './1795392660000-index-due-refreshes-by-provider';
import { IndexDueSyncsByProvider1795392661000 } from './1795392661000-index-due-syncs-by-provider';
import { CreateDueShares1795392662000 } from './1795392662000-create-due-shares';
import { CreateSyncVerdictDoors1795392663000 } from './1795392663000-create-sync-verdict-doors';

/** In the order in which they run. */
export const MIGRATIONS = [
  CreateIntegrations1795392000000,
  CreateAuditTrail1795392100000,
  CreateFlows1795392200000,
  CreateRevocations1795392300000,
  CreateNarrowDoors1795392400000,
  CreateProviderBreakers1795392500000,
  IndexDueRefreshesByProvider1795392660000,
  IndexDueSyncsByProvider1795392661000,
  CreateDueShares1795392662000,
  CreateSyncVerdictDoors1795392663000,
];
