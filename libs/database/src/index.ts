export { AuditChainRepository, type ChainPage } from './audit-chain.repository';
export {
  canonicalText,
  CHAIN_START,
  CHAIN_VERSION,
  GENESIS,
  isWhole,
  rowHash,
  type ChainContent,
  type ChainPlace,
  type ChainRow,
} from './audit-chain';
export {
  endLine,
  ExportCheck,
  exportLine,
  ExportSum,
  type ExportEnd,
  type ExportHeader,
  type ExportTotal,
  type ExportVerdict,
} from './audit-export';
export { AuditExportService, BrokenTrail } from './audit-export.service';
export type { AuditFinding, AuditFindingKind } from './audit-finding';
export { AuditSealService, type Sealed } from './audit-seal.service';
export { sealedPlace, type Head, type Seal, type SealDraft, type SealKey } from './audit-seal';
export { AuditVerificationService, type AuditVerdict } from './audit-verification.service';
export { appendEvents, AuditRepository, type AuditLine, type AuditPage } from './audit.repository';
export { AwaitedWork, type Requested, type WaitEnd } from './awaited-work.service';
export {
  BreakerRepository,
  type BreakerReason,
  type BreakerView,
  type OpenBreaker,
  type Registration,
} from './breaker.repository';
export { ChainCheck, type ChainExpectations } from './chain-check';
export {
  ConsoleSessionRepository,
  type ConsoleUser,
  type NewBrowser,
  type OpenedLink,
} from './console-session.repository';
export { DataKeyRepository, type KeyPurpose } from './data-key.repository';
export { appDataSource } from './data-source';
export { DatabaseBusy } from './database-busy';
export { DatabaseModule } from './database.module';
export {
  DeadLetterRepository,
  ReplayBrokenOff,
  type DeadLetter,
  type DeadLetterEvent,
  type DeadLetterFilter,
  type DeadLetterPage,
  type DeadLetterPlace,
  type ReplayedLetter,
} from './dead-letter.repository';
export { DeliveryFiguresRepository, type DeliveryFigures } from './delivery-figures.repository';
export { HookVerdictRepository, type ClosedHold, type HookHold } from './hook-verdict.repository';
export {
  DeliverySettingsRepository,
  type DeliveryOutbox,
  type DeliverySecret,
  type DeliverySettings,
  type SettingsOwner,
  type TrailEvent,
} from './delivery-settings.repository';
export {
  DeliveryRepository,
  type Accepted,
  type AcceptedFromTrail,
  type ClaimOutcome,
  type DeliveryClaim,
  type DeliveryLine,
  type DeliveryPage,
  type DeliveryPlace,
  type NewDelivery,
} from './delivery.repository';
export { DueNotices, type DueNotice } from './due-notices.client';
export { DueRepository, type DueKind, type DueWork } from './due.repository';
export { EventNotices } from './event-notices.client';
export { FiguresModule } from './figures.module';
export {
  FleetFiguresRepository,
  type FailingStreak,
  type FleetFigures,
  type ProviderFigures,
} from './fleet-figures.repository';
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
  type TokenOrigin,
  type TokenRow,
} from './integration.repository';
export {
  FIRST_PLACE,
  KeyRotationRepository,
  RESEALED_COLUMNS,
  type CellPlace,
  type DataKeyFacts,
  type KeyUse,
  type RefusedKey,
  type ResealedCell,
  type Rotation,
  type RotationProgress,
  type SealedCell,
} from './key-rotation.repository';
export { LeaseModule } from './lease.module';
export { LiveTrailRepository, type LiveEvent, type LivePage } from './live-trail.repository';
export { MIGRATIONS } from './migrations';
export { OrgErasureRepository, type Erased, type Waiting } from './org-erasure.repository';
export { OrgForgotten } from './org-forgotten';
export { pruneAudit, type Pruned, type PruneOptions } from './prune-audit';
export { isOfWrongValues, isWithoutRight } from './refused-statement';
export { provisionDatabase, type AppLogin, type Login, type ProvisionOptions } from './provision';
export {
  RefreshLeaseRepository,
  type Fence,
  type Lease,
  type NoLease,
  type Replaced,
  type Settlement,
  type StoredOnce,
} from './refresh-lease.repository';
export { RetiredKeyRepository, type RetiredKey } from './retired-key.repository';
export { enqueueRevocation, RevocationRepository, type NewRevocation, type Revocation } from './revocation.repository';
export { SealFolderRepository, type LatestSeal } from './seal-folder.repository';
export { SealHistory, type ToldSeal } from './seal-history';
export { SyncRepository, type SyncSettled, type SyncTarget } from './sync.repository';
export { countLostEvents } from './trail-metrics';
