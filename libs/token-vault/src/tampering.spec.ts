import { readFileSync } from 'node:fs';
import path from 'node:path';
import type { OrgId } from '@hub/domain';
import { often } from '../../../test/support/mutation';
import { boundContext, type Cell } from './cell';
import { KeyRefused, type DataKeyName } from './key-provider';
import { LocalKeyProvider } from './local-key-provider';
import { openBytes, sealBytes } from './message-seal';
import { decryptGcm, encryptGcm } from './primitives';
import { formatSealed, parseSealed } from './sealed-format';

const KEY = Buffer.from(Array.from({ length: 32 }, (_, place) => place * 7 + 1));
const KEY_ID = 'd1a2b3c4-0000-4000-8000-000000000001';
const cell: Cell = {
  table: 'integrations',
  column: 'access_token',
  orgId: '6b1f3c9e-2f5d-4c1a-9b7e-0d3a5e8c7f21' as OrgId,
  provider: 'google_drive',
  rowId: '0f1e2d3c-4b5a-4978-8695-a4b3c2d1e0f9',
};

/** Opens text for a cell with a key, however the text calls that key. */
function open(text: string, of: Cell = cell, key: Buffer = KEY): string | undefined {
  const parts = parseSealed(text);
  return parts && openBytes({ id: parts.keyId, key }, boundContext(of, parts.keyId), parts)?.toString('utf8');
}

const seal = (secret: string, of: Cell = cell, id = KEY_ID): string =>
  sealBytes({ id, key: KEY }, boundContext(of, id), Buffer.from(secret));

function flipped(bytes: Buffer, bit: number): Buffer {
  const copy = Buffer.from(bytes);
  copy.writeUInt8(copy.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3);
  return copy;
}

const SEALS = often(1_000, 1);
/** Prime to the eight bits of a byte and to the places of one dimension, so that all of them have their turn. */
const STEP = often(1, 7);

describe('of a thousand seals', () => {
  it('none opens with any one bit of its bytes flipped', () => {
    let flips = 0;
    let opened = 0;
    for (let times = 0; times < SEALS; times += 1) {
      const [version, keyId, encoded = ''] = seal(String(times % 10)).split('.');
      const body = Buffer.from(encoded, 'base64url');
      for (let bit = 0; bit < body.length * 8; bit += STEP) {
        flips += 1;
        if (open(`${version}.${keyId}.${flipped(body, bit).toString('base64url')}`) !== undefined) opened += 1;
      }
    }
    expect({ flips, opened }).toEqual({ flips: SEALS * Math.ceil(((32 + 32 + 1 + 16) * 8) / STEP), opened: 0 });
  });

  // most of these are no sealed value any more, the others have several bits flipped: fewer are enough
  it('none of the first hundred opens with any one bit of its text flipped', () => {
    let opened = 0;
    for (let times = 0; times < SEALS / 10; times += 1) {
      const text = Buffer.from(seal('t', cell, 'k1'), 'latin1');
      for (let bit = 0; bit < text.length * 8; bit += STEP)
        if (open(flipped(text, bit).toString('latin1')) !== undefined) opened += 1;
    }
    expect(opened).toBe(0);
  });
});

// a token has one place, also where its row lies in revocations or token_inbox: README, Decisions
describe('every place that a value is sealed for', () => {
  const OTHERS = {
    table: ['integrations', 'flows', 'audit_events'],
    column: ['access_token', 'refresh_token'],
    orgId: [cell.orgId, '6b1f3c9e-2f5d-4c1a-9b7e-0d3a5e8c7f22' as OrgId],
    provider: ['google_drive', 'shopify'],
    rowId: [cell.rowId, '0f1e2d3c-4b5a-4978-8695-a4b3c2d1e0fa'],
  } as const;
  const places = OTHERS.table.flatMap((table) =>
    OTHERS.column.flatMap((column) =>
      OTHERS.orgId.flatMap((orgId) =>
        OTHERS.provider.flatMap((provider) =>
          OTHERS.rowId.flatMap((rowId) =>
            [KEY_ID, 'k1'].map((keyId) => ({ keyId, of: { table, column, orgId, provider, rowId } })),
          ),
        ),
      ),
    ),
  );

  it('is its own: a value moved from any to any other does not open', () => {
    const wrong: string[] = [];
    for (let from = 0; from < places.length; from += STEP) {
      const own = places[from]!;
      const text = seal('secret', own.of, own.keyId);
      places.forEach(({ of, keyId }, to) => {
        const moved = text.replace(/^hub1\.[^.]+/, `hub1.${keyId}`);
        if ((open(moved, of) !== undefined) !== (from === to)) wrong.push(`${from} ${to}`);
      });
    }
    expect(wrong).toEqual([]);
    expect(places).toHaveLength(96);
  });

  it('is told apart although two fields read alike when they are put together', () => {
    const text = seal('secret', { ...cell, provider: 'ab', column: 'c' });
    expect(open(text, { ...cell, provider: 'a', column: 'bc' })).toBeUndefined();
    expect(open(text, { ...cell, provider: 'ab', column: 'c' })).toBe('secret');
  });
});

describe('a tag that is cut', () => {
  const lengths = Array.from({ length: 12 }, (_, place) => place + 4);

  it.each(lengths)('to %i bytes vouches for nothing', (bytes) => {
    const iv = Buffer.alloc(12, 3);
    const { ciphertext, tag } = encryptGcm(KEY, iv, Buffer.alloc(0), Buffer.from('a secret of some length'));
    expect(decryptGcm(KEY, iv, Buffer.alloc(0), { ciphertext, tag })).toBeDefined();
    expect(decryptGcm(KEY, iv, Buffer.alloc(0), { ciphertext, tag: tag.subarray(0, bytes) })).toBeUndefined();
    const parts = parseSealed(seal('a secret of some length'));
    if (!parts) throw new Error('it is sealed');
    expect(open(formatSealed({ ...parts, tag: parts.tag.subarray(0, bytes) }))).toBeUndefined();
  });
});

describe('a text', () => {
  it('opens in one way of writing only: no padding, no other alphabet, no spare bits', () => {
    const text = seal('secret.'); // 87 bytes: the last letter of the body has no spare bits
    const spare = seal('secrets!'); // 88 bytes: the last one has four
    const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
    const ways = [...alphabet].map((letter) => spare.slice(0, -1) + letter);
    expect(ways.filter((way) => open(way) !== undefined)).toEqual([spare]);
    for (const more of ['=', '==', '\n', ' ', '.']) {
      expect(open(text + more)).toBeUndefined();
      expect(open(spare + more)).toBeUndefined();
    }
    expect(open(`${text.slice(0, 60)} ${text.slice(60)}`)).toBeUndefined();
  });

  it('in plain base64 is none, although it holds the same bytes', () => {
    const isTold = (text: string): boolean => /[-_]/.test(text.slice(`hub1.${KEY_ID}.`.length));
    let text = seal('secret');
    while (!isTold(text)) text = seal('secret');
    const head = `hub1.${KEY_ID}.`;
    const plain = text.slice(head.length).replaceAll('-', '+').replaceAll('_', '/');
    expect(open(text)).toBe('secret');
    expect(open(head + plain)).toBeUndefined();
  });

  it.each(['', 'hub', 'hub0', 'hub2', 'hub10', 'hub01', 'HUB1', ' hub1', 'v1'])(
    'of the version %j fails closed',
    (version) => {
      expect(open(seal('secret').replace(/^hub1/, version))).toBeUndefined();
    },
  );
});

describe('what an independent program has sealed (vectors/make-known-answers.py)', () => {
  interface KnownAnswer {
    readonly keyId: string;
    readonly key: string;
    readonly cell: Cell;
    readonly secret: string;
    readonly sealed: string;
  }
  interface KnownWrappedKey {
    readonly keyId: string;
    readonly key: string;
    readonly name: DataKeyName;
    readonly dataKey: string;
    readonly wrapped: string;
  }
  const { cells: known, wrappedKeys } = JSON.parse(
    readFileSync(path.join(process.cwd(), 'libs/token-vault/src/vectors/known-answers.json'), 'utf8'),
  ) as { cells: KnownAnswer[]; wrappedKeys: KnownWrappedKey[] };

  it('opens in its cell, and under its key alone', () => {
    for (const { key, sealed, secret, cell: of } of known) {
      expect(open(sealed, of, Buffer.from(key, 'hex'))).toBe(secret);
      expect(open(sealed, of, KEY)).toBeUndefined();
    }
    expect(known).toHaveLength(16);
  });

  it('wraps data keys that the keyring unwraps, each under its own name', async () => {
    for (const { keyId, key, name, dataKey, wrapped } of wrappedKeys) {
      const provider = new LocalKeyProvider([{ id: keyId, key: Buffer.from(key, 'hex') }]);
      const unwrapped = await provider.unwrap(name, { wrappingKeyId: keyId, wrapped });
      expect(unwrapped.toString('hex')).toBe(dataKey);
      const other = { ...name, id: `${name.id.slice(0, -1)}9` };
      await expect(provider.unwrap(other, { wrappingKeyId: keyId, wrapped })).rejects.toThrow(KeyRefused);
    }
    expect(wrappedKeys).toHaveLength(2);
  });
});
