import { AuditCheckpointEntity, AuditEventEntity, AuditHeadEntity } from './audit-event.entity';
import { ConsoleLinkEntity, ConsoleSessionEntity } from './console-session.entity';
import { DataKeyEntity } from './data-key.entity';
import { DeliveryEntity, DeliverySettingsEntity } from './delivery.entity';
import { FlowEntity } from './flow.entity';
import { ForgottenOrgEntity } from './forgotten-org.entity';
import { HookHoldEntity } from './hook-hold.entity';
import { IntegrationEntity } from './integration.entity';
import { KeyRotationEntity } from './key-rotation.entity';
import { ProviderBreakerEntity } from './provider-breaker.entity';
import { ProviderEntity } from './provider.entity';
import { LateGrantEntity, RevocationEntity } from './revocation.entity';

export {
  AuditCheckpointEntity,
  AuditEventEntity,
  AuditHeadEntity,
  ConsoleLinkEntity,
  ConsoleSessionEntity,
  DataKeyEntity,
  DeliveryEntity,
  DeliverySettingsEntity,
  FlowEntity,
  ForgottenOrgEntity,
  HookHoldEntity,
  IntegrationEntity,
  KeyRotationEntity,
  LateGrantEntity,
  ProviderBreakerEntity,
  ProviderEntity,
  RevocationEntity,
};

export const ENTITIES = [
  AuditCheckpointEntity,
  AuditEventEntity,
  AuditHeadEntity,
  ConsoleLinkEntity,
  ConsoleSessionEntity,
  DataKeyEntity,
  DeliveryEntity,
  DeliverySettingsEntity,
  FlowEntity,
  ForgottenOrgEntity,
  HookHoldEntity,
  IntegrationEntity,
  KeyRotationEntity,
  LateGrantEntity,
  ProviderBreakerEntity,
  ProviderEntity,
  RevocationEntity,
];
