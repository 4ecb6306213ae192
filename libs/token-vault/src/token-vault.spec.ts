import { webcrypto } from 'node:crypto';
import { format, inspect } from 'node:util';
import type { OrgId, Sealed } from '@hub/domain';
import fc from 'fast-check';
import type { Cell } from './cell';
import { PlainToken } from './plain-token';
import { parseSealed } from './sealed-format';
import { OpenFailed, TokenVault, type VaultKey } from './token-vault';

const FIRST: VaultKey = { id: 'k1', key: Buffer.from(Array.from({ length: 32 }, (_, place) => place * 7 + 1)) };
const SECOND: VaultKey = { id: 'k2', key: Buffer.from(Array.from({ length: 32 }, (_, place) => place * 5 + 3)) };

const cell: Cell = {
  table: 'integrations',
  column: 'access_token',
  orgId: '6b1f3c9e-2f5d-4c1a-9b7e-0d3a5e8c7f21' as OrgId,
  provider: 'google_drive',
  rowId: '0f1e2d3c-4b5a-4978-8695-a4b3c2d1e0f9',
};

const vault = new TokenVault([FIRST]);
const SECRET = 'ya29.a0-secret-token';
const sealed = vault.seal(cell, new PlainToken(SECRET));

/** Why a value does not open. */
function reasonOf(open: () => unknown): string {
  try {
    open();
  } catch (error) {
    if (error instanceof OpenFailed) return error.reason;
    throw error;
  }
  return 'opened';
}

describe('a sealed value', () => {
  it('opens in its own cell', () => {
    expect(vault.open(cell, sealed).reveal()).toBe(SECRET);
  });

  it.each([
    ['nothing at all', ''],
    ['a letter', 'x'],
    ['a long token', 'x'.repeat(16_384)],
    ['letters of every kind', 'äöü 漢字 🔑 \0\n"\\'],
  ])('may hold %s', (_what, secret) => {
    expect(vault.open(cell, vault.seal(cell, new PlainToken(secret))).reveal()).toBe(secret);
  });

  it('names version and key, and shows nothing of what it holds', () => {
    expect(sealed).toMatch(/^hub1\.k1\.[A-Za-z0-9_-]+$/);
    expect(sealed).not.toContain(SECRET);
    expect(Buffer.from(sealed.split('.')[2] ?? '', 'base64url').toString('latin1')).not.toContain(SECRET);
  });

  it('is another one each time, with a salt of its own', () => {
    const salts = Array.from({ length: 1_000 }, () =>
      parseSealed(vault.seal(cell, new PlainToken(SECRET)))?.salt.toString('hex'),
    );
    expect(new Set(salts).size).toBe(1_000);
  });

  it('keeps what it was given, whatever that is', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (secret) => {
        expect(vault.open(cell, vault.seal(cell, new PlainToken(secret))).reveal()).toBe(secret);
      }),
    );
  });
});

describe('a sealed value that was tampered with', () => {
  it('does not open with any one bit of its text flipped', () => {
    const bytes = Buffer.from(sealed, 'latin1');
    for (let bit = 0; bit < bytes.length * 8; bit += 1) {
      const flipped = Buffer.from(bytes);
      flipped.writeUInt8(flipped.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3);
      expect(reasonOf(() => vault.open(cell, flipped.toString('latin1')))).not.toBe('opened');
    }
  });

  it.each(['', 'x', SECRET])('does not open with any one bit of its body flipped (%j)', (secret) => {
    const [, , encoded = ''] = vault.seal(cell, new PlainToken(secret)).split('.');
    const body = Buffer.from(encoded, 'base64url');
    for (let bit = 0; bit < body.length * 8; bit += 1) {
      const flipped = Buffer.from(body);
      flipped.writeUInt8(flipped.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3);
      expect(reasonOf(() => vault.open(cell, `hub1.k1.${flipped.toString('base64url')}`))).toBe('not_authentic');
    }
  });

  it('does not open cut short at any place, or with anything behind it', () => {
    for (let length = 0; length < sealed.length; length += 1)
      expect(reasonOf(() => vault.open(cell, sealed.slice(0, length)))).not.toBe('opened');
    for (const more of ['A', '=', '.', ' ', '\n', '.k1', '\0'])
      expect(reasonOf(() => vault.open(cell, sealed + more))).not.toBe('opened');
  });

  it('does not open with the parts of two values mixed', () => {
    const other = parseSealed(vault.seal(cell, new PlainToken(SECRET)));
    const own = parseSealed(sealed);
    if (!own || !other) throw new Error('both are sealed');
    for (const part of ['salt', 'commitment', 'ciphertext', 'tag'] as const) {
      const mixed = { ...own, [part]: other[part] };
      const bytes = Buffer.concat([mixed.salt, mixed.commitment, mixed.ciphertext, mixed.tag]);
      const body = bytes.toString('base64url');
      expect(reasonOf(() => vault.open(cell, `hub1.k1.${body}`))).toBe('not_authentic');
    }
  });
});

describe('a sealed value in another cell', () => {
  it.each([
    ['table', { table: 'token_inbox' }],
    ['column', { column: 'refresh_token' }],
    ['org', { orgId: '6b1f3c9e-2f5d-4c1a-9b7e-0d3a5e8c7f22' as OrgId }],
    ['provider', { provider: 'google_driv' }],
    ['row', { rowId: '0f1e2d3c-4b5a-4978-8695-a4b3c2d1e0f0' }],
    [
      'pair of fields that read alike together',
      { column: 'access_token6', orgId: 'b1f3c9e-2f5d-4c1a-9b7e-0d3a5e8c7f21' as OrgId },
    ],
  ] as [string, Partial<Cell>][])('does not open: another %s', (_what, other) => {
    expect(reasonOf(() => vault.open({ ...cell, ...other }, sealed))).toBe('not_authentic');
  });

  it('does not open under another key’s name', () => {
    const both = new TokenVault([FIRST, { ...FIRST, id: 'k9' }]);
    expect(reasonOf(() => both.open(cell, sealed.replace('.k1.', '.k9.')))).toBe('not_authentic');
  });

  it('says where it was, and never what it held', () => {
    const error = new OpenFailed(cell, 'not_authentic');
    expect(error.message).toBe('a sealed value of integrations.access_token does not open: not_authentic');
  });
});

describe('text that is no sealed value', () => {
  const body = sealed.split('.')[2] ?? '';
  it.each([
    ['is empty', '', 'malformed'],
    ['is a token in the clear', SECRET, 'malformed'],
    ['is of another version', `hub2.k1.${body}`, 'malformed'],
    ['is of no version', `.k1.${body}`, 'malformed'],
    ['has the version in capitals', `HUB1.k1.${body}`, 'malformed'],
    ['has no key', `hub1..${body}`, 'malformed'],
    ['has a key of strange letters', `hub1.k 1.${body}`, 'malformed'],
    ['has a key that is too long', `hub1.${'k'.repeat(65)}.${body}`, 'malformed'],
    ['has a part more', `hub1.k1.${body}.x`, 'malformed'],
    ['has a part less', `hub1.${body}`, 'malformed'],
    ['has a body that is too short', `hub1.k1.${'A'.repeat(80)}`, 'malformed'],
    ['is padded', `hub1.k1.${body}=`, 'malformed'],
    ['is written in plain base64', `hub1.k1.${body.slice(0, -2)}+/`, 'malformed'],
    ['has a line break within', `hub1.k1.${body.slice(0, 20)}\n${body.slice(20)}`, 'malformed'],
    ['names a key that is not there', `hub1.k2.${body}`, 'unknown_key'],
    ['names a property of objects as its key', `hub1.constructor.${body}`, 'unknown_key'],
  ])('and %s fails closed', (_what, text, reason) => {
    expect(reasonOf(() => vault.open(cell, text))).toBe(reason);
  });
});

describe('a keyring', () => {
  const rotated = new TokenVault([SECOND, FIRST]);

  it('seals with its first key', () => {
    expect(rotated.seal(cell, new PlainToken(SECRET))).toMatch(/^hub1\.k2\./);
  });

  it('opens with all of them', () => {
    expect(rotated.open(cell, sealed).reveal()).toBe(SECRET);
    expect(rotated.open(cell, rotated.seal(cell, new PlainToken(SECRET))).reveal()).toBe(SECRET);
  });

  it('opens nothing of a key that is gone', () => {
    const only = new TokenVault([SECOND]);
    expect(reasonOf(() => only.open(cell, sealed))).toBe('unknown_key');
  });

  it('opens nothing where another key stands under the name', () => {
    const swapped = new TokenVault([{ ...SECOND, id: 'k1' }]);
    expect(reasonOf(() => swapped.open(cell, sealed))).toBe('not_authentic');
  });

  it('needs a key', () => {
    expect(() => new TokenVault([])).toThrow('at least one key');
  });
});

describe('an opened token', () => {
  const token = new PlainToken(SECRET);

  it('is given away by reveal alone', () => {
    expect(token.reveal()).toBe(SECRET);
  });

  it.each([
    ['a template', `${String(token)}`],
    ['concatenation', '' + (token as unknown as string)],
    ['toString', token.toString()],
    ['JSON', JSON.parse(JSON.stringify({ token })).token],
    ['inspect', inspect(token)],
    ['inspect of what holds it', inspect({ deep: { token } }, { depth: 9, showHidden: true })],
    ['format', format('%s %o %j', token, token, token)],
    ['an array', [token].join()],
    ['its properties', JSON.stringify([Object.values(token), Object.getOwnPropertyNames(token)])],
    ['a copy', JSON.stringify({ ...token })],
  ])('shows [sealed] or nothing in %s', (_how, printed) => {
    expect(printed).not.toContain(SECRET);
  });

  it.each([String(token), JSON.parse(JSON.stringify({ token })).token, inspect(token)])('%s', (printed) => {
    expect(printed).toBe('[sealed]');
  });
});

/** The format written a second time, from its description alone and on another cryptography interface. */
describe('an independent implementation', () => {
  const { subtle } = webcrypto;

  it('opens what the vault seals', async () => {
    const [, keyId = '', encoded = ''] = sealed.split('.');
    const body = Buffer.from(encoded, 'base64url');
    const salt = body.subarray(0, 32);
    const { key, commitment, iv } = await deriveAgain(FIRST.key, salt, keyId);
    expect(body.subarray(32, 64)).toEqual(commitment);
    const opened = await subtle.decrypt(
      { name: 'AES-GCM', iv, additionalData: contextAgain(keyId), tagLength: 128 },
      key,
      body.subarray(64),
    );
    expect(Buffer.from(opened).toString('utf8')).toBe(SECRET);
  });

  it('seals what the vault opens', async () => {
    const salt = Buffer.alloc(32, 0xa5);
    expect(vault.open(cell, await sealAgain('known answer', salt)).reveal()).toBe('known answer');
  });

  it('gives this known answer', async () => {
    const known =
      'hub1.k1.paWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaUn8ivf9PrVT_d15I4dxvACGqfgfKC7L7Fif802bAJTDtDSYRoEdOqi-L4WmBzH67LWPIzVD3BmTCBL3LE';
    expect(await sealAgain('known answer', Buffer.alloc(32, 0xa5))).toBe(known);
    expect(vault.open(cell, known as Sealed).reveal()).toBe('known answer');
  });

  async function sealAgain(secret: string, salt: Buffer): Promise<string> {
    const { key, commitment, iv } = await deriveAgain(FIRST.key, salt, FIRST.id);
    const sealedBytes = await subtle.encrypt(
      { name: 'AES-GCM', iv, additionalData: contextAgain(FIRST.id), tagLength: 128 },
      key,
      Buffer.from(secret, 'utf8'),
    );
    return `hub1.${FIRST.id}.${Buffer.concat([salt, commitment, Buffer.from(sealedBytes)]).toString('base64url')}`;
  }

  async function deriveAgain(dek: Buffer, salt: Buffer, keyId: string) {
    const base = await subtle.importKey('raw', dek, 'HKDF', false, ['deriveBits']);
    const info = Buffer.from(`hub/1 aes-256-gcm${keyId}`);
    const bits = Buffer.from(await subtle.deriveBits({ name: 'HKDF', hash: 'SHA-256', salt, info }, base, 76 * 8));
    const key = await subtle.importKey('raw', bits.subarray(0, 32), 'AES-GCM', false, ['encrypt', 'decrypt']);
    return { key, commitment: bits.subarray(32, 64), iv: bits.subarray(64, 76) };
  }

  function contextAgain(keyId: string): Buffer {
    const items = ['hub/1', 'aes-256-gcm+hkdf', keyId, cell.table, cell.column, cell.orgId, cell.provider, cell.rowId];
    return Buffer.concat(
      items.map((item) => {
        const bytes = Buffer.from(item);
        return Buffer.concat([Buffer.from(Uint32Array.of(bytes.length).buffer).reverse(), bytes]);
      }),
    );
  }
});
