import type { OrgId } from '@hub/domain';

/**
 * The place that a sealed value belongs to. It opens there and nowhere else: copied to another row, column or org it is
 * worth nothing.
 */
export interface Cell {
  /** Tokens are always of `integrations`, also while they lie in `revocations` or `token_inbox`: README, Decisions. */
  readonly table: 'integrations' | 'flows' | 'audit_events' | 'deliveries' | 'delivery_settings';
  readonly column: string;
  readonly orgId: OrgId;
  readonly provider: string;
  /** The id of the row: the integration's, the flow's, the event's or the delivery's. */
  readonly rowId: string;
}

/** The bytes that bind a sealed value to its cell, key and format. */
export function boundContext(cell: Cell, keyId: string): Buffer {
  const { table, column, orgId, provider, rowId } = cell;
  return lengthPrefixed(['hub/1', 'aes-256-gcm+hkdf', keyId, table, column, orgId, provider, rowId]);
}

/** Each item with its length before it, so that none can run into the next. */
export function lengthPrefixed(items: readonly string[]): Buffer {
  return Buffer.concat(items.flatMap((item) => [lengthOf(item), Buffer.from(item, 'utf8')]));
}

function lengthOf(item: string): Buffer {
  const prefix = Buffer.alloc(4);
  prefix.writeUInt32BE(Buffer.byteLength(item, 'utf8'));
  return prefix;
}
