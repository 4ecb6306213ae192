import { randomBytes } from 'node:crypto';
import { SYSTEM_ORG } from '@hub/domain';
import { KeyUnavailable, type DataKeyName, type KeyProvider } from './key-provider';

/** No data key has this id. */
const NOBODY: DataKeyName = { orgId: SYSTEM_ORG, id: '00000000-0000-4000-8000-000000000000' };

/**
 * Wraps and unwraps a key that nobody uses: a server that answers its health page may still refuse both.
 *
 * @throws KeyUnavailable if either does not go
 */
export async function probe(provider: Pick<KeyProvider, 'name' | 'wrap' | 'unwrap'>): Promise<void> {
  const key = randomBytes(32);
  try {
    const opened = await provider.unwrap(NOBODY, await provider.wrap(NOBODY, key));
    if (!opened.equals(key)) throw new Error('another key came back');
  } catch (cause) {
    throw cause instanceof KeyUnavailable ? cause : new KeyUnavailable(provider.name, { cause });
  }
}
