export { appendEvents, AuditRepository, type AuditLine, type AuditPage } from './audit.repository';
export {
  BreakerRepository,
  type BreakerReason,
  type BreakerView,
  type OpenBreaker,
  type Registration,
} from './breaker.repository';
export { appDataSource } from './data-source';
export { DatabaseModule } from './database.module';
export {
  DeadLetterRepository,
  type DeadLetter,
  type DeadLetterFilter,
  type DeadLetterPage,
  type DeadLetterPlace,
  type ReplayedLetter,
} from './dead-letter.repository';
export { DueNotices, type DueNotice } from './due-notices.client';
export { DueRepository, type DueKind, type DueWork } from './due.repository';
export {
  completeFlow,
  FlowRepository,
  type FlowWithSecrets,
  type NewFlow,
  type OpenedFlow,
  type TakenFlow,
} from './flow.repository';
export { HubDatabase } from './hub-database';
export {
  IntegrationRepository,
  type ConnectStored,
  type Progress,
  type RequestedWork,
  type TokenRow,
} from './integration.repository';
export { LeaseModule } from './lease.module';
export { MIGRATIONS } from './migrations';
export { provisionDatabase, type AppLogin, type Login, type ProvisionOptions } from './provision';
export {
  RefreshLeaseRepository,
  type Fence,
  type Lease,
  type NoLease,
  type Settlement,
  type StoredOnce,
} from './refresh-lease.repository';
export { enqueueRevocation, RevocationRepository, type NewRevocation, type Revocation } from './revocation.repository';
export { SyncRepository, type SyncTarget } from './sync.repository';
