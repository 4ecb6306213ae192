import { webcrypto } from 'node:crypto';
import { format, inspect } from 'node:util';
import { SYSTEM_ORG, type OrgId, type Sealed } from '@hub/domain';
import fc from 'fast-check';
import { dataKeysInMemory } from '../../../test/support/data-keys';
import { often } from '../../../test/support/mutation';
import { boundContext, type Cell } from './cell';
import { DataKeys } from './data-keys';
import { KeyRefused, KeyUnavailable, type DataKeyName } from './key-provider';
import { KeyProviders } from './key-providers';
import { LocalKeyProvider } from './local-key-provider';
import { sealBytes, type VaultKey } from './message-seal';
import { PlainToken } from './plain-token';
import { parseSealed } from './sealed-format';
import { OpenFailed, TokenVault } from './token-vault';

const FIRST: VaultKey = { id: 'k1', key: Buffer.from(Array.from({ length: 32 }, (_, place) => place * 7 + 1)) };
const SECOND: VaultKey = { id: 'k2', key: Buffer.from(Array.from({ length: 32 }, (_, place) => place * 5 + 3)) };
/** The org's data key in the clear, as an independent program knows it. */
const DATA_KEY: VaultKey = {
  id: 'd1a2b3c4-0000-4000-8000-000000000001',
  key: Buffer.from(Array.from({ length: 32 }, (_, place) => place * 3 + 5)),
};

/** Every code point that UTF-8 knows. What fast-check itself has for that takes two seconds to set up. */
const CHARACTER = fc
  .nat({ max: 0x10ffff })
  .filter((point) => point < 0xd800 || point > 0xdfff)
  .map((point) => String.fromCodePoint(point));

const cell: Cell = {
  table: 'integrations',
  column: 'access_token',
  orgId: '6b1f3c9e-2f5d-4c1a-9b7e-0d3a5e8c7f21' as OrgId,
  provider: 'google_drive',
  rowId: '0f1e2d3c-4b5a-4978-8695-a4b3c2d1e0f9',
};
const SECRET = 'ya29.a0-secret-token';
/** Of flipped bits: prime to the eight of a byte, so that each has its turn. */
const STEP = often(1, 7);

const store = dataKeysInMemory();
const vaultOver = (keys: readonly VaultKey[]): TokenVault =>
  TokenVault.over({ tokenKeys: keys, keyProvider: 'local' }, store);
const vault = vaultOver([FIRST]);
let sealed: Sealed;

beforeAll(async () => {
  const name = { orgId: cell.orgId, id: DATA_KEY.id };
  const wrapped = await new LocalKeyProvider([FIRST]).wrap(name, DATA_KEY.key);
  await store.add({ ...name, ...wrapped, keyProvider: 'local' });
});

// before each, so that mutation testing knows which tests come to it
beforeEach(async () => {
  sealed = await vault.seal(cell, new PlainToken(SECRET));
});

/** What an earlier release has sealed: under the keyring's key itself. */
const sealedBefore = (secret: string, key = FIRST, of = cell): Sealed =>
  sealBytes(key, boundContext(of, key.id), Buffer.from(secret));

/** Why a value does not open. */
async function reasonOf(opening: Promise<unknown>): Promise<string> {
  try {
    await opening;
  } catch (error) {
    if (error instanceof OpenFailed) return error.reason;
    throw error;
  }
  return 'opened';
}

const opens = async (text: string, by = vault): Promise<string> => (await by.open(cell, text)).reveal();

describe('a sealed value', () => {
  it('opens in its own cell', async () => {
    expect(await opens(sealed)).toBe(SECRET);
  });

  it.each([
    ['nothing at all', ''],
    ['a letter', 'x'],
    ['a long token', 'x'.repeat(16_384)],
    ['letters of every kind', 'äöü 漢字 🔑 \0\n"\\'],
  ])('may hold %s', async (_what, secret) => {
    expect(await opens(await vault.seal(cell, new PlainToken(secret)))).toBe(secret);
  });

  it('names version and key, and shows nothing of what it holds', () => {
    expect(sealed).toMatch(new RegExp(`^hub1\\.${DATA_KEY.id}\\.[A-Za-z0-9_-]+$`));
    expect(sealed).not.toContain(SECRET);
    expect(Buffer.from(sealed.split('.')[2] ?? '', 'base64url').toString('latin1')).not.toContain(SECRET);
  });

  it('is another one each time, with a salt of its own', async () => {
    const count = often(1_000, 10);
    const salts = await Promise.all(
      Array.from({ length: count }, async () =>
        parseSealed(await vault.seal(cell, new PlainToken(SECRET)))?.salt.toString('hex'),
      ),
    );
    expect(new Set(salts).size).toBe(count);
  });

  it('keeps what it was given, whatever that is', async () => {
    await fc.assert(
      fc.asyncProperty(fc.string({ unit: CHARACTER }), async (secret) => {
        expect(await opens(await vault.seal(cell, new PlainToken(secret)))).toBe(secret);
      }),
    );
  });
});

describe('a sealed value that was tampered with', () => {
  it('does not open with any one bit of its text flipped', async () => {
    const bytes = Buffer.from(sealed, 'latin1');
    for (let bit = 0; bit < bytes.length * 8; bit += STEP) {
      const flipped = Buffer.from(bytes);
      flipped.writeUInt8(flipped.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3);
      expect(await reasonOf(vault.open(cell, flipped.toString('latin1')))).not.toBe('opened');
    }
  });

  it.each(['', 'x', SECRET])('does not open with any one bit of its body flipped (%j)', async (secret) => {
    const [, , encoded = ''] = (await vault.seal(cell, new PlainToken(secret))).split('.');
    const body = Buffer.from(encoded, 'base64url');
    for (let bit = 0; bit < body.length * 8; bit += STEP) {
      const flipped = Buffer.from(body);
      flipped.writeUInt8(flipped.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3);
      const text = `hub1.${DATA_KEY.id}.${flipped.toString('base64url')}`;
      expect(await reasonOf(vault.open(cell, text))).toBe('not_authentic');
    }
  });

  it('does not open cut short at any place, or with anything behind it', async () => {
    for (let length = 0; length < sealed.length; length += 1)
      expect(await reasonOf(vault.open(cell, sealed.slice(0, length)))).not.toBe('opened');
    for (const more of ['A', '=', '.', ' ', '\n', '.k1', '\0'])
      expect(await reasonOf(vault.open(cell, sealed + more))).not.toBe('opened');
  });

  it('does not open with the parts of two values mixed', async () => {
    const other = parseSealed(await vault.seal(cell, new PlainToken(SECRET)));
    const own = parseSealed(sealed);
    if (!own || !other) throw new Error('both are sealed');
    for (const part of ['salt', 'commitment', 'ciphertext', 'tag'] as const) {
      const mixed = { ...own, [part]: other[part] };
      const bytes = Buffer.concat([mixed.salt, mixed.commitment, mixed.ciphertext, mixed.tag]);
      const body = bytes.toString('base64url');
      expect(await reasonOf(vault.open(cell, `hub1.${DATA_KEY.id}.${body}`))).toBe('not_authentic');
    }
  });
});

describe('a sealed value in another cell', () => {
  it.each([
    ['table', { table: 'flows' }],
    ['column', { column: 'refresh_token' }],
    ['provider', { provider: 'google_driv' }],
    ['row', { rowId: '0f1e2d3c-4b5a-4978-8695-a4b3c2d1e0f0' }],
    ['pair of fields that read alike together', { provider: 'google_drive0', rowId: cell.rowId.slice(1) }],
  ] as [string, Partial<Cell>][])('does not open: another %s', async (_what, other) => {
    expect(await reasonOf(vault.open({ ...cell, ...other }, sealed))).toBe('not_authentic');
    expect(await reasonOf(vault.open({ ...cell, ...other }, sealedBefore(SECRET)))).toBe('not_authentic');
  });

  it('does not open in another org: that knows no such key', async () => {
    const theirs = { ...cell, orgId: '6b1f3c9e-2f5d-4c1a-9b7e-0d3a5e8c7f22' as OrgId };
    expect(await reasonOf(vault.open(theirs, sealed))).toBe('unknown_key');
    expect(await reasonOf(vault.open(theirs, sealedBefore(SECRET)))).toBe('not_authentic');
  });

  it('does not open under another key’s name', async () => {
    const other = 'd1a2b3c4-0000-4000-8000-000000000009';
    const [key] = store.keys;
    if (!key) throw new Error('the key is there');
    store.keys.push({ ...key, id: other, status: 'retiring' });
    // the wrapped key is bound to its own id: under another it does not even unwrap
    expect(await reasonOf(vault.open(cell, sealed.replace(DATA_KEY.id, other)))).toBe('key_refused');
    const both = vaultOver([FIRST, { ...FIRST, id: 'k9' }]);
    const before = sealedBefore(SECRET).replace('.k1.', '.k9.');
    expect(await reasonOf(both.open(cell, before))).toBe('not_authentic');
  });

  it('of a key that its provider refuses does not open, with what the provider said; an outage is told as it is', async () => {
    const failing = (error: Error): TokenVault =>
      new TokenVault([], { byId: () => Promise.reject(error) } as unknown as DataKeys);
    const no = new KeyRefused('local', 'forbidden');
    await expect(failing(no).open(cell, sealed)).rejects.toMatchObject({
      name: 'OpenFailed',
      reason: 'key_refused',
      cause: no,
      cell,
    });
    const outage = new KeyUnavailable('local', { cause: new Error('no route') });
    await expect(failing(outage).open(cell, sealed)).rejects.toBe(outage);
    expect(outage.cause).toEqual(new Error('no route'));
  });

  it('says where it was, and never what it held', () => {
    const error = new OpenFailed(cell, 'not_authentic');
    expect(error.message).toBe('a sealed value of integrations.access_token does not open: not_authentic');
  });
});

describe('text that is no sealed value', () => {
  const body = 'A'.repeat(160);
  it.each([
    ['is empty', '', 'malformed'],
    ['is a token in the clear', SECRET, 'malformed'],
    ['is of another version', `hub2.k1.${body}`, 'malformed'],
    ['is of no version', `.k1.${body}`, 'malformed'],
    ['has the version in capitals', `HUB1.k1.${body}`, 'malformed'],
    ['has no key', `hub1..${body}`, 'malformed'],
    ['has a key of strange letters', `hub1.k 1.${body}`, 'malformed'],
    ['names a data key that is not there', `hub1.d1a2b3c4-0000-4000-8000-000000000002.${body}`, 'unknown_key'],
    ['has a key that is too long', `hub1.${'k'.repeat(65)}.${body}`, 'malformed'],
    ['has a part more', `hub1.k1.${body}.x`, 'malformed'],
    ['has a part less', `hub1.${body}`, 'malformed'],
    ['has a body that is too short', `hub1.k1.${'A'.repeat(80)}`, 'malformed'],
    ['is padded', `hub1.k1.${body}=`, 'malformed'],
    ['is written in plain base64', `hub1.k1.${body.slice(0, -2)}+/`, 'malformed'],
    ['has a line break within', `hub1.k1.${body.slice(0, 20)}\n${body.slice(20)}`, 'malformed'],
    ['names a key that is not there', `hub1.k2.${body}`, 'unknown_key'],
    ['names a property of objects as its key', `hub1.constructor.${body}`, 'unknown_key'],
  ])('and %s fails closed', async (_what, text, reason) => {
    expect(await reasonOf(vault.open(cell, text))).toBe(reason);
  });
});

describe('what an earlier release has sealed, under the keyring itself', () => {
  const known =
    'hub1.k1.paWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaUn8ivf9PrVT_d15I4dxvACGqfgfKC7L7Fif802bAJTDtDSYRoEdOqi-L4WmBzH67LWPIzVD3BmTCBL3LE';

  it('opens', async () => {
    expect(await opens(sealedBefore(SECRET))).toBe(SECRET);
    expect(await opens(known)).toBe('known answer');
  });

  it('opens with every key of the keyring, whichever is the first', async () => {
    const rotated = vaultOver([SECOND, FIRST]);
    expect(await opens(known, rotated)).toBe('known answer');
    expect(await opens(sealedBefore(SECRET, SECOND), rotated)).toBe(SECRET);
  });

  it('does not open once its key is gone, or where another key stands under the name', async () => {
    expect(await reasonOf(vaultOver([SECOND]).open(cell, known))).toBe('unknown_key');
    expect(await reasonOf(vaultOver([{ ...SECOND, id: 'k1' }]).open(cell, known))).toBe('not_authentic');
  });

  it('is not what is sealed now: that names a data key', async () => {
    expect(await vault.seal(cell, new PlainToken(SECRET))).not.toMatch(/^hub1\.k1\./);
  });
});

describe('a sealer', () => {
  it('seals for its own org alone', async () => {
    const theirs = { ...cell, orgId: '6b1f3c9e-2f5d-4c1a-9b7e-0d3a5e8c7f22' as OrgId };
    const sealing = vault.withSealer(cell.orgId, (sealer) => sealer.seal(theirs, new PlainToken(SECRET)));
    await expect(sealing).rejects.toThrow('own org alone');
  });

  it('is worth nothing once its work is done', async () => {
    const late = await vault.withSealer(cell.orgId, (sealer) => sealer);
    expect(() => late.seal(cell, new PlainToken(SECRET))).toThrow('has ended');
  });

  it('needs neither store nor key provider while it works', async () => {
    const kept = dataKeysInMemory();
    let isAway = false;
    const away = async <T>(answer: Promise<T>): Promise<T> => {
      if (isAway) throw new Error('the database is away');
      return answer;
    };
    const settings = { tokenKeys: [FIRST], keyProvider: 'local' } as const;
    const alone = TokenVault.over(settings, {
      active: (orgId) => away(kept.active(orgId)),
      find: (name) => away(kept.find(name)),
      add: (key) => away(kept.add(key)),
    });
    const text = await alone.withSealer(cell.orgId, (sealer) => {
      isAway = true;
      return sealer.seal(cell, new PlainToken(SECRET));
    });
    isAway = false;
    expect(await opens(text, TokenVault.over(settings, kept))).toBe(SECRET);
  });

  it('wipes its key at the end, and the vault all of them', async () => {
    const wiped: Buffer[] = [];
    const keys = new DataKeys(store, new KeyProviders('local', () => Promise.resolve(new LocalKeyProvider([FIRST]))));
    const watched = new TokenVault([], {
      active: async (orgId: OrgId) => {
        const key = await keys.active(orgId);
        wiped.push(key.key);
        return key;
      },
    } as unknown as DataKeys);
    await watched.withSealer(cell.orgId, () => expect(wiped[0]?.some((byte) => byte !== 0)).toBe(true));
    expect(wiped[0]?.every((byte) => byte === 0)).toBe(true);
    keys.close();
  });

  it('opens with a copy as well, which is wiped whether it opens or not', async () => {
    const wiped: Buffer[] = [];
    const keys = new DataKeys(store, new KeyProviders('local', () => Promise.resolve(new LocalKeyProvider([FIRST]))));
    const watched = new TokenVault([], {
      byId: async (name: DataKeyName) => {
        const key = await keys.byId(name);
        if (key) wiped.push(key.key);
        return key;
      },
    } as unknown as DataKeys);
    expect(await opens(sealed, watched)).toBe(SECRET);
    expect(await reasonOf(watched.open({ ...cell, column: 'refresh_token' }, sealed))).toBe('not_authentic');
    expect(wiped).toEqual([Buffer.alloc(32), Buffer.alloc(32)]);
    keys.close();
  });

  it('seals for the system itself as for any org', async () => {
    const own = { ...cell, orgId: SYSTEM_ORG };
    expect((await vault.open(own, await vault.seal(own, new PlainToken(SECRET)))).reveal()).toBe(SECRET);
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
    const { key, commitment, iv } = await deriveAgain(DATA_KEY.key, salt, keyId);
    expect(body.subarray(32, 64)).toEqual(commitment);
    const opened = await subtle.decrypt(
      { name: 'AES-GCM', iv, additionalData: contextAgain(keyId), tagLength: 128 },
      key,
      body.subarray(64),
    );
    expect(Buffer.from(opened).toString('utf8')).toBe(SECRET);
  });

  it.each([
    ['under a data key', DATA_KEY],
    ['under the keyring, as an earlier release did', FIRST],
  ])('seals what the vault opens %s', async (_how, key) => {
    const salt = Buffer.alloc(32, 0xa5);
    expect(await opens(await sealAgain('known answer', salt, key))).toBe('known answer');
  });

  it('gives this known answer', async () => {
    const known =
      'hub1.k1.paWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaUn8ivf9PrVT_d15I4dxvACGqfgfKC7L7Fif802bAJTDtDSYRoEdOqi-L4WmBzH67LWPIzVD3BmTCBL3LE';
    expect(await sealAgain('known answer', Buffer.alloc(32, 0xa5), FIRST)).toBe(known);
  });

  async function sealAgain(secret: string, salt: Buffer, by: VaultKey): Promise<string> {
    const { key, commitment, iv } = await deriveAgain(by.key, salt, by.id);
    const sealedBytes = await subtle.encrypt(
      { name: 'AES-GCM', iv, additionalData: contextAgain(by.id), tagLength: 128 },
      key,
      Buffer.from(secret, 'utf8'),
    );
    return `hub1.${by.id}.${Buffer.concat([salt, commitment, Buffer.from(sealedBytes)]).toString('base64url')}`;
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
