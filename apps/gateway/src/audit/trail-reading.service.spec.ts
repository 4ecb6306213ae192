import { randomUUID } from 'node:crypto';
import type { AuditLine } from '@hub/database';
import type { OrgId } from '@hub/domain';
import { AuditVault } from '@hub/token-vault';
import { dataKeysInMemory, vaultSettings } from '../../../../test/support/data-keys';
import { TrailReadingService } from './trail-reading.service';

const orgId = randomUUID() as OrgId;

function aLine(detail: AuditLine['detail'], id: string = randomUUID()): AuditLine {
  const actor = { type: 'user', id: 'ada' };
  return { id, seq: 1, at: new Date(0), name: 'token.read', provider: 'notion', integrationId: null, actor, detail };
}

function setUp() {
  const [settings, store] = [vaultSettings(), dataKeysInMemory()];
  const aVault = () => AuditVault.over(settings, store);
  /** By a process of its own, with no key in its memory. */
  const shown = async (line: AuditLine) => (await new TrailReadingService(aVault()).shown(orgId, [line]))[0];
  const sealedLine = () =>
    aVault().withSealer(orgId, (sealer) => {
      const id = randomUUID();
      const account = sealer.seal({ id, provider: 'notion' }, 'account', 'ada@example.com');
      return Promise.resolve(aLine({ again: false, account }, id));
    });
  return { store, shown, sealedLine };
}

describe('the trail as its org reads it', () => {
  it('has opened what was sealed, and nothing that tells of it', async () => {
    const { shown, sealedLine } = setUp();
    const line = await sealedLine();
    expect(await shown(line)).toEqual({ ...line, detail: { again: false, account: 'ada@example.com' } });
  });

  it('has null for what was forgotten, and says so', async () => {
    const { store, shown, sealedLine } = setUp();
    const line = await sealedLine();
    store.keys.splice(0, 1, ...store.keys.map((key) => ({ ...key, wrapped: '' })));
    expect(await shown(line)).toEqual({
      ...line,
      detail: { again: false, account: null },
      unopened: { account: 'forgotten' },
    });
  });

  it('has null for what was withheld, and for what stands in another event', async () => {
    const { shown, sealedLine } = setUp();
    const { detail } = await sealedLine();
    expect(await shown(aLine({ account: { withheld: true } }))).toMatchObject({ unopened: { account: 'withheld' } });
    expect(await shown(aLine(detail))).toMatchObject({
      detail: { account: null },
      unopened: { account: 'unreadable' },
    });
  });

  it('leaves everything else as it is, an account in the clear of an earlier build too', async () => {
    const line = aLine({ account: 'ada@example.com', count: 3, nested: { why: 'because' }, none: null });
    expect(await setUp().shown(line)).toEqual(line);
  });
});
