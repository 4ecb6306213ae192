import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { decryptGcm, encryptGcm, hkdfSha256 } from './primitives';

/** Public vectors of the C2SP Wycheproof project: beside the checkout, not in it. */
const FOLDER = path.join(process.cwd(), '../shared/data/wycheproof');
const isThere = existsSync(FOLDER);

interface Group<Case> {
  readonly keySize: number;
  readonly ivSize: number;
  readonly tagSize: number;
  readonly tests: readonly (Case & { readonly tcId: number; readonly result: 'valid' | 'invalid' })[];
}

interface GcmCase {
  readonly key: string;
  readonly iv: string;
  readonly aad: string;
  readonly msg: string;
  readonly ct: string;
  readonly tag: string;
}

interface HkdfCase {
  readonly ikm: string;
  readonly salt: string;
  readonly info: string;
  readonly size: number;
  readonly okm: string;
}

function groupsOf<Case>(file: string): readonly Group<Case>[] {
  const { testGroups } = JSON.parse(readFileSync(path.join(FOLDER, file), 'utf8')) as { testGroups: Group<Case>[] };
  return testGroups;
}

const bytes = (hex: string): Buffer => Buffer.from(hex, 'hex');

const described = isThere ? describe : describe.skip;
const where = isThere ? '' : ' (skipped: the folder ../shared/data/wycheproof is not beside the checkout)';

described(`the public Wycheproof vectors${where}`, () => {
  it('of AES-256-GCM with our nonce and tag come out as they say, 66 of 66', () => {
    const cases = groupsOf<GcmCase>('aes_gcm_test.json')
      .filter(({ keySize, ivSize, tagSize }) => keySize === 256 && ivSize === 96 && tagSize === 128)
      .flatMap(({ tests }) => tests);
    const wrong = cases.filter(({ result, ...given }) => {
      const [key, iv, aad, plain] = [bytes(given.key), bytes(given.iv), bytes(given.aad), bytes(given.msg)];
      const sealed = { ciphertext: bytes(given.ct), tag: bytes(given.tag) };
      const opened = decryptGcm(key, iv, aad, sealed);
      if (result === 'invalid') return opened !== undefined;
      const again = encryptGcm(key, iv, aad, plain);
      return !(opened?.equals(plain) && again.ciphertext.equals(sealed.ciphertext) && again.tag.equals(sealed.tag));
    });
    expect(wrong.map(({ tcId }) => tcId)).toEqual([]);
    expect(cases).toHaveLength(66);
  });

  it('of HKDF-SHA256 come out as they say, 86 of 86', () => {
    const cases = groupsOf<HkdfCase>('hkdf_sha256_test.json').flatMap(({ tests }) => tests);
    const wrong = cases.filter(({ ikm, salt, info, size, okm, result }) => {
      const derive = (): Buffer => hkdfSha256(bytes(ikm), bytes(salt), bytes(info), size);
      return result === 'invalid' ? !isRefused(derive) : !derive().equals(bytes(okm));
    });
    expect(wrong.map(({ tcId }) => tcId)).toEqual([]);
    expect(cases).toHaveLength(86);
  });
});

function isRefused(work: () => unknown): boolean {
  try {
    work();
    return false;
  } catch {
    return true;
  }
}
