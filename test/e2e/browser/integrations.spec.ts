import { ANYONES, type Account } from '../../support/accounts';
import { realBrowser } from '../../support/browser';
import type { Caller } from '../../support/caller';
import { answersHubPage, consents } from '../../support/consent';
import { Stack } from '../../support/stack';
import type { Visitor } from '../../support/visitor';

/** The four scenarios of the hub for every provider, with a real browser on the way through the provider's pages. */
const browser = realBrowser('integrations');
let hub: Stack;
beforeAll(async () => {
  hub = await Stack.start({ env: { SITE_URL: null } });
});
afterAll(() => hub.stop());

const PROVIDERS = ['shopify', 'notion', 'google_drive', 'zapier'] as const;
type Provider = (typeof PROVIDERS)[number];

/** Connects as a person does, from the bare provider to the landing. */
async function connects(visitor: Visitor, caller: Caller, account: Account): Promise<void> {
  const { page } = visitor;
  await page.goto(await visitor.starts(hub, caller, { provider: account.provider }));
  if (Object.keys(account.order).length > 1) await answersHubPage(page, account);
  if (account.provider !== 'zapier') await consents(page, account);
  await page.waitForURL(`${hub.publicUrl}/integrations?success=${account.provider}`);
}

async function connected(provider: Provider) {
  const [visitor, caller, account] = [await browser.visitor(), hub.as(), ANYONES[provider]()];
  await connects(visitor, caller, account);
  await hub.event(caller, 'sync.completed', { provider });
  return { visitor, caller, account };
}

describe('through the pages of every provider', () => {
  it.each(PROVIDERS)('%s is connected, refreshed and disconnected', async (provider) => {
    const { caller } = await connected(provider);
    const before = (await caller.read(provider)).body;
    expect(before).toMatchObject({ status: 'connected', failure: null });
    const refreshed = (await caller.refresh(provider)).body;
    expect(Date.parse(refreshed.lastSyncAt ?? '')).toBeGreaterThan(Date.parse(before.lastSyncAt ?? ''));
    await caller.disconnect(provider);
    expect((await caller.read(provider)).body.status).toBe('not_connected');
  });

  it.each(['shopify', 'google_drive'] as const)(
    '%s is connected again after its grant was ended at the provider: the same integration',
    async (provider) => {
      const { visitor, caller, account } = await connected(provider);
      const { createdAt } = (await caller.read(provider)).body;
      await hub.sandbox.revoke(provider, account.name);
      await caller.refresh(provider);
      expect((await caller.read(provider)).body.status).toBe('reauth_required');
      await connects(visitor, caller, account);
      expect((await caller.read(provider)).body).toMatchObject({ status: 'connected', createdAt, failure: null });
    },
  );
});
