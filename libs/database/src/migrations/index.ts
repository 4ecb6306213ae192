import { CreateIntegrations1795392000000 } from './1795392000000-create-integrations';
import { CreateAuditTrail1795392100000 } from './1795392100000-create-audit-trail';
import { CreateFlows1795392200000 } from './1795392200000-create-flows';
import { CreateRevocations1795392300000 } from './1795392300000-create-revocations';
import { CreateNarrowDoors1795392400000 } from './1795392400000-create-narrow-doors';
import { CreateProviderBreakers1795392500000 } from './1795392500000-create-provider-breakers';
import { AddFirstFailures1795392600000 } from './1795392600000-add-first-failures';
import { KeepDoubts1795392650000 } from './1795392650000-keep-doubts';
import { IndexDueRefreshesByProvider1795392660000 } from './1795392660000-index-due-refreshes-by-provider';
import { IndexDueSyncsByProvider1795392661000 } from './1795392661000-index-due-syncs-by-provider';
import { CreateDueShares1795392662000 } from './1795392662000-create-due-shares';
import { CreateSyncVerdictDoors1795392663000 } from './1795392663000-create-sync-verdict-doors';
import { ConfirmVerdicts1795392670000 } from './1795392670000-confirm-verdicts';
import { CreateDataKeys1795392700000 } from './1795392700000-create-data-keys';
import { ChainAuditTrail1795392800000 } from './1795392800000-chain-audit-trail';
import { CreateAuditCheckpoints1795392810000 } from './1795392810000-create-audit-checkpoints';
import { CreateAuditDoors1795392820000 } from './1795392820000-create-audit-doors';
import { ReadAuditChains1795392830000 } from './1795392830000-read-audit-chains';
import { GrantByColumn1795392900000 } from './1795392900000-grant-by-column';
import { GiveDataKeysAPurpose1795392950000 } from './1795392950000-give-data-keys-a-purpose';
import { TakeEventIds1795392960000 } from './1795392960000-take-event-ids';
import { CreateForgottenOrgs1795392970000 } from './1795392970000-create-forgotten-orgs';
import { CreateKeyRotations1795392980000 } from './1795392980000-create-key-rotations';
import { WaitForThoseWhoStore1795392990000 } from './1795392990000-wait-for-those-who-store';
import { LetTheEraserTellEvents1795392991000 } from './1795392991000-let-the-eraser-tell-events';
import { CountAccountsOfVerdicts1795393100000 } from './1795393100000-count-accounts-of-verdicts';
import { SyncTheForgotten1795393200000 } from './1795393200000-sync-the-forgotten';
import { IndexWhatKeysOpen1795393400000 } from './1795393400000-index-what-keys-open';
import { CountWhatKeysOpen1795393410000 } from './1795393410000-count-what-keys-open';
import { HoldKeysToTheirTime1795393420000 } from './1795393420000-hold-keys-to-their-time';
import { CountWhatRotationsDo1795393430000 } from './1795393430000-count-what-rotations-do';
import { DestroyRetiredKeys1795393440000 } from './1795393440000-destroy-retired-keys';
import { NameKeysOfSealedValuesAlone1795393450000 } from './1795393450000-name-keys-of-sealed-values-alone';
import { TellReopenedVerdicts1795393500000 } from './1795393500000-tell-reopened-verdicts';
import { CompleteDeferredFlows1795393600000 } from './1795393600000-complete-deferred-flows';
import { AbandonFlows1795393610000 } from './1795393610000-abandon-flows';
import { WaitForConnects1795393700000 } from './1795393700000-wait-for-connects';
import { NoteRefusedKeys1795393800000 } from './1795393800000-note-refused-keys';
import { KeepWrappingsBefore1795393810000 } from './1795393810000-keep-wrappings-before';
import { PutBackDataKeys1795393820000 } from './1795393820000-put-back-data-keys';
import { KeepLateGrantsOnce1795393900000 } from './1795393900000-keep-late-grants-once';
import { NoteEpochsOfConnects1795393910000 } from './1795393910000-note-epochs-of-connects';
import { ReadFleetFigures1795394000000 } from './1795394000000-read-fleet-figures';
import { CreateDeliveries1795395000000 } from './1795395000000-create-deliveries';
import { CancelDeliveries1795395010000 } from './1795395010000-cancel-deliveries';
import { CountWhatKeysOpenOfDeliveries1795395020000 } from './1795395020000-count-what-keys-open-of-deliveries';
import { FollowEvents1795395100000 } from './1795395100000-follow-events';
import { CreateConsoleSessions1795395200000 } from './1795395200000-create-console-sessions';
import { ReadDeliveryFigures1795395400000 } from './1795395400000-read-delivery-figures';
import { TellDeadDeliveriesApart1795420000000 } from './1795420000000-tell-dead-deliveries-apart';
import { LookAtSessions1795420010000 } from './1795420010000-look-at-sessions';
import { BoundOutboxes1795430000000 } from './1795430000000-bound-outboxes';
import { ExpireDeadDeliveries1795430010000 } from './1795430010000-expire-dead-deliveries';
import { HoldVerdictsAboutHooks1795430020000 } from './1795430020000-hold-verdicts-about-hooks';
import { WakeAllThatWaits1795440000000 } from './1795440000000-wake-all-that-waits';
import { IndexVerdictsAboutHooks1795440010000 } from './1795440010000-index-verdicts-about-hooks';
import { ShareWhatWaitsInTheInbox1795440020000 } from './1795440020000-share-what-waits-in-the-inbox';

/** In the order in which they run. */
export const MIGRATIONS = [
  CreateIntegrations1795392000000,
  CreateAuditTrail1795392100000,
  CreateFlows1795392200000,
  CreateRevocations1795392300000,
  CreateNarrowDoors1795392400000,
  CreateProviderBreakers1795392500000,
  AddFirstFailures1795392600000,
  KeepDoubts1795392650000,
  IndexDueRefreshesByProvider1795392660000,
  IndexDueSyncsByProvider1795392661000,
  CreateDueShares1795392662000,
  CreateSyncVerdictDoors1795392663000,
  ConfirmVerdicts1795392670000,
  CreateDataKeys1795392700000,
  ChainAuditTrail1795392800000,
  CreateAuditCheckpoints1795392810000,
  CreateAuditDoors1795392820000,
  ReadAuditChains1795392830000,
  GrantByColumn1795392900000,
  GiveDataKeysAPurpose1795392950000,
  TakeEventIds1795392960000,
  CreateForgottenOrgs1795392970000,
  CreateKeyRotations1795392980000,
  WaitForThoseWhoStore1795392990000,
  LetTheEraserTellEvents1795392991000,
  CountAccountsOfVerdicts1795393100000,
  SyncTheForgotten1795393200000,
  IndexWhatKeysOpen1795393400000,
  CountWhatKeysOpen1795393410000,
  HoldKeysToTheirTime1795393420000,
  CountWhatRotationsDo1795393430000,
  DestroyRetiredKeys1795393440000,
  NameKeysOfSealedValuesAlone1795393450000,
  TellReopenedVerdicts1795393500000,
  CompleteDeferredFlows1795393600000,
  AbandonFlows1795393610000,
  WaitForConnects1795393700000,
  NoteRefusedKeys1795393800000,
  KeepWrappingsBefore1795393810000,
  PutBackDataKeys1795393820000,
  KeepLateGrantsOnce1795393900000,
  NoteEpochsOfConnects1795393910000,
  ReadFleetFigures1795394000000,
  CreateDeliveries1795395000000,
  CancelDeliveries1795395010000,
  CountWhatKeysOpenOfDeliveries1795395020000,
  FollowEvents1795395100000,
  CreateConsoleSessions1795395200000,
  ReadDeliveryFigures1795395400000,
  TellDeadDeliveriesApart1795420000000,
  LookAtSessions1795420010000,
  BoundOutboxes1795430000000,
  ExpireDeadDeliveries1795430010000,
  HoldVerdictsAboutHooks1795430020000,
  WakeAllThatWaits1795440000000,
  IndexVerdictsAboutHooks1795440010000,
  ShareWhatWaitsInTheInbox1795440020000,
];
