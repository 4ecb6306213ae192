import { setTimeout as sleep } from 'node:timers/promises';
import {
  FIRST_PLACE,
  KeyRotationRepository,
  OrgForgotten,
  RESEALED_COLUMNS,
  type CellPlace,
  type ResealedCell,
  type Rotation,
  type SealedCell,
} from '@hub/database';
import type { Actor, OrgId } from '@hub/domain';
import { HubLogger } from '@hub/telemetry';
import { KeyRefused, KeyUnavailable, OpenFailed, TokenVault, type WrappedDataKey } from '@hub/token-vault';
import { Injectable } from '@nestjs/common';

const WORKER: Actor = { type: 'worker', id: 'refresh-worker' };
/** Orgs that are taken up together, and how many of them at the same time. */
const ORGS = 40;
const AT_ONCE = 4;
/** Values that are sealed anew in one transaction. */
const BATCH = 200;
/** Between two batches reads and refreshes have the database to themselves. */
const PAUSE_MS = 20;
/** The database lets a key retire once nobody has needed it for ten minutes: the next look is just behind that. */
const RETIRES_IN_MS = 10 * 60_000 + 1_000;
/** Where a value does not open its key cannot retire, until somebody has looked. */
const BLOCKED_MS = 3_600_000;
/** Something is in the way: PostgreSQL, the key provider, a bug. */
const AGAIN_MS = 30_000;

/**
 * Rotates the keys of orgs: data keys are wrapped anew, a new one seals, and what lies under others is sealed with that.
 * Every step may be done twice, by anybody, and a value that is written meanwhile stays as it is.
 */
@Injectable()
export class RotationService {
  private isInterrupted = false;

  constructor(
    private readonly rotations: KeyRotationRepository,
    private readonly vault: TokenVault,
    private readonly logger: HubLogger,
  ) {}

  /** Rotates what is due. */
  async rotateDue(): Promise<void> {
    while (!this.isInterrupted) {
      const orgs = await this.rotations.take(ORGS);
      if (orgs.length === 0) return;
      await Promise.all(
        Array.from({ length: AT_ONCE }, async () => {
          for (let orgId = orgs.pop(); orgId && !this.isInterrupted; orgId = orgs.pop())
            await this.rotateOrPutOff(orgId);
        }),
      );
    }
  }

  /** Takes an org's rotation as far as it goes now. */
  async rotate(orgId: OrgId): Promise<void> {
    const rotation = await this.rotations.begin(orgId, WORKER);
    if (!rotation) return;
    // once for each wish: a key that was made since is wrapped by the newest
    if (rotation.rewrap && !rotation.rewrappedAt) await this.rewrap(orgId, rotation);
    if (!rotation.reseal) return this.rotations.finish(orgId, rotation, WORKER);
    if (!rotation.replacedAt) await this.replace(orgId, rotation);
    const unopened = await this.resealAll(orgId);
    if (unopened === undefined) return; // interrupted: the next one goes on
    const againInMs = unopened > 0 ? BLOCKED_MS : RETIRES_IN_MS;
    await this.rotations.settle(orgId, rotation, { unopened, againInMs }, WORKER);
  }

  /** Ends after the batch under way. */
  interrupt(): void {
    this.isInterrupted = true;
  }

  private async rotateOrPutOff(orgId: OrgId): Promise<void> {
    try {
      await this.rotate(orgId);
    } catch (error) {
      if (error instanceof OrgForgotten) return this.rotations.finish(orgId, undefined, WORKER);
      if (error instanceof KeyUnavailable) this.logger.warning('hub.keys.unavailable', { ...error.facts, org: orgId });
      else this.logger.failure('hub.keys.rotation_failed', error, { org: orgId });
      await this.rotations.putOff(orgId, AGAIN_MS);
    }
  }

  /** Keys of all purposes and states: a wrapping key can go once it wraps none. One that is lost holds up no other. */
  private async rewrap(orgId: OrgId, rotation: Rotation): Promise<void> {
    for (const before of rotation.dataKeys) {
      const after = await this.wrappedAnew(before);
      await (after ? this.rotations.rewrapped(before, after) : this.rotations.noteRefused(before));
    }
    await this.rotations.allRewrapped(orgId, rotation);
  }

  /** @returns `undefined` if its key provider says no to it */
  private async wrappedAnew(before: WrappedDataKey): Promise<WrappedDataKey | undefined> {
    try {
      return await this.vault.keys.rewrap(before);
    } catch (error) {
      if (!(error instanceof KeyRefused)) throw error;
      this.logger.failure('hub.keys.key_refused', error, { org: before.orgId, key: before.id });
      return undefined;
    }
  }

  /** The key before is not opened for it: one that is lost is the first to be replaced. */
  private async replace(orgId: OrgId, { activeKey, hasAuditKey }: Rotation): Promise<void> {
    const before = activeKey ?? (await this.activeKey(orgId));
    const key = await this.vault.keys.draft(orgId);
    const auditKey = hasAuditKey ? await this.vault.keys.draft(orgId) : undefined;
    await this.rotations.replace(before, key, auditKey, WORKER);
  }

  /** @returns how many values do not open; `undefined` if it was interrupted */
  private async resealAll(orgId: OrgId): Promise<number | undefined> {
    const key = await this.activeKey(orgId);
    let unopened = 0;
    for (let after: CellPlace = FIRST_PLACE; ;) {
      if (this.isInterrupted) return undefined;
      const cells = await this.rotations.cellsNotUnder(orgId, key, after, BATCH);
      const last = cells.at(-1);
      if (!last) return unopened;
      after = last;
      const anew = await this.sealedAnew(orgId, cells);
      unopened += cells.length - anew.length;
      await this.rotations.reseal(orgId, anew);
      await sleep(PAUSE_MS);
    }
  }

  /** Those of the values that open, sealed with the org's new key. */
  private async sealedAnew(orgId: OrgId, cells: readonly SealedCell[]): Promise<ResealedCell[]> {
    const anew: ResealedCell[] = [];
    for (const cell of cells) {
      const { place, id, provider, cellRow, sealed } = cell;
      const column = RESEALED_COLUMNS[place];
      if (!column) throw new Error(`there is no column ${place}`);
      const at = { ...column.cell, orgId, provider, rowId: cellRow };
      try {
        anew.push({ ...cell, anew: await this.vault.seal(at, await this.vault.open(at, sealed)) });
      } catch (error) {
        if (!(error instanceof OpenFailed)) throw error;
        this.logger.failure('hub.keys.value_unopened', error, { org: orgId, table: column.table, row: id });
      }
    }
    return anew;
  }

  /** The key that seals for an org as the database has it now: another worker may have replaced it. */
  private async activeKey(orgId: OrgId): Promise<string> {
    this.vault.keys.noteReplaced(orgId);
    return this.vault.withSealer(orgId, ({ dataKey }) => dataKey.id);
  }
}
