import { HubError } from '@hub/domain';
import { z } from 'zod';
import { validated } from './validation';

const schema = z.strictObject({ provider: z.string().max(8) });
const refusalOf = (value: unknown): string => {
  try {
    validated(schema, value, 'body');
  } catch (error) {
    if (error instanceof HubError) return error.message;
    throw error;
  }
  throw new Error('it was not refused');
};

describe('a value that its schema refuses', () => {
  it.each(['accessToken', 'redirect_uri', 'x-shop', 'address2', 'app_metadata.org_id'])(
    'names the unknown key %s',
    (key) => {
      expect(refusalOf({ provider: 'notion', [key]: 1 })).toBe(`The body is not valid: unknown key "${key}".`);
    },
  );

  it.each(['1f9c3a5e7b2d4068', 'shpat_8f14e45fceea167a', 'eyJhbGciOiJIUzI1NiJ9.e30.c2ln', 'a b', ''])(
    'does not repeat the key %j, which may be a secret',
    (key) => {
      expect(refusalOf({ provider: 'notion', [key]: 1 })).toBe(
        `The body is not valid: unknown key of ${key.length} characters.`,
      );
    },
  );

  it('names a key with a bad value, and not the value', () => {
    expect(refusalOf({ provider: 'a-secret-value' })).toMatch(/provider: .*8/);
    expect(refusalOf({ provider: 'a-secret-value' })).not.toContain('secret');
  });
});
