import { createCipheriv, hkdfSync, randomBytes } from 'node:crypto';

/** A cell, as its sealed value is bound to it. */
interface BoundTo {
  readonly table: string;
  readonly column: string;
  readonly orgId: string;
  readonly provider: string;
  readonly rowId: string;
}

/** Seals as the releases before data keys did: under a key of `TOKEN_KEYS` itself. Written apart from the vault, from the format alone. */
export function sealedBefore(tokenKeys: string, cell: BoundTo, secret: string): string {
  const [id = '', key = ''] = (tokenKeys.split(',')[0] ?? '').split(':');
  const salt = randomBytes(32);
  const derived = Buffer.from(hkdfSync('sha256', Buffer.from(key, 'base64'), salt, `hub/1 aes-256-gcm${id}`, 76));
  const cipher = createCipheriv('aes-256-gcm', derived.subarray(0, 32), derived.subarray(64), { authTagLength: 16 });
  const items = ['hub/1', 'aes-256-gcm+hkdf', id, cell.table, cell.column, cell.orgId, cell.provider, cell.rowId];
  cipher.setAAD(Buffer.concat(items.flatMap((item) => [lengthOf(item), Buffer.from(item)])));
  const body = [salt, derived.subarray(32, 64), cipher.update(secret, 'utf8'), cipher.final(), cipher.getAuthTag()];
  return `hub1.${id}.${Buffer.concat(body).toString('base64url')}`;
}

function lengthOf(item: string): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(Buffer.byteLength(item));
  return length;
}
