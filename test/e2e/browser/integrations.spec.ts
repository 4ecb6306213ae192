import { ANYONES } from '../../support/accounts';
import { realBrowser } from '../../support/browser';
import { eventually } from '../../support/eventually';
import { IntegrationsPage, LABELS, type ProviderId } from '../../support/integrations-page';
import { Stack } from '../../support/stack';

/** The four scenarios of the hub for every provider, as somebody sees them who sits before the page of integrations. */
const browser = realBrowser('integrations');
let hub: Stack;
beforeAll(async () => {
  hub = await Stack.start({ env: { SITE_URL: null } });
});
afterAll(() => hub.stop());

const PROVIDERS = Object.keys(LABELS) as ProviderId[];

/** Facts of each card once it is connected and synced, beside the account. */
const FACTS: Readonly<Record<ProviderId, readonly (readonly [label: string, text: RegExp])[]>> = {
  shopify: [
    ['Shop', /\S/],
    ['Plan', /^Basic$/],
    ['Domain', /\.myshopify\.com$/],
  ],
  notion: [
    ['Workspace', /^Workspace W/],
    ['Members', /^\d+$/],
  ],
  google_drive: [
    ['Root folder', /\S/],
    ['Storage', / of .+ used$/],
  ],
  zapier: [['Webhook', /^Not tried yet$/]],
};

/** Somebody of an org of their own, before the page. */
async function somebody(caller = hub.as()): Promise<IntegrationsPage> {
  return IntegrationsPage.signIn(await browser.visitor(), caller);
}

async function connected(provider: ProviderId) {
  const page = await somebody();
  const account = ANYONES[provider]();
  await page.connects(account);
  await hub.event(page.caller, 'sync.completed', { provider });
  return { page, account };
}

describe('Connect', () => {
  it.each(PROVIDERS)('shows %s as connected, with its account and what was synced', async (provider) => {
    const page = await somebody();
    await page.shows(provider, 'not_connected');
    const account = ANYONES[provider]();
    await page.connects(account);
    for (const [label, text] of FACTS[provider]) await page.fact(provider, label).getByText(text).waitFor();
    await page.page.getByText('appear below in a moment').waitFor({ state: 'detached' }); // they have
    const { body } = await page.caller.read(provider);
    expect(await page.fact(provider, 'Account').innerText()).toBe(body.account?.label);
    await page.page.getByText(`${LABELS[provider]} was connected`).waitFor();
    await page.page.reload();
    await page.shows(provider, 'connected');
    expect(await page.page.getByText(`${LABELS[provider]} is connected.`).count()).toBe(0);
  });
});

describe('Refresh and sync now', () => {
  it.each(PROVIDERS)('move the last sync of %s forward on the card', async (provider) => {
    const { page } = await connected(provider);
    const label = provider === 'zapier' ? 'Last check' : 'Last sync';
    let last = (await page.moment(provider, label)) ?? 0;
    for (const [words, done] of [
      ['Refresh now', 'Refreshed.'],
      ['Sync now', 'Synced.'],
    ] as const) {
      await page.button(provider, words).click();
      await page.card(provider).getByText(done).waitFor();
      last = await page.laterMoment(provider, label, last);
    }
    const { lastSyncAt } = (await page.caller.read(provider)).body;
    await eventually(
      'the card to tell the newest',
      async () => (await page.moment(provider, label)) === Date.parse(lastSyncAt ?? ''),
    );
  });
});

describe('Disconnect', () => {
  it.each(PROVIDERS)('says what will happen to %s, asks once, and shows it at once on every page', async (provider) => {
    const { page } = await connected(provider);
    const other = await somebody(page.caller.with({ sub: 'grace' }));
    // what was delivered may be asked for just as the hook is gone
    for (const { visitor } of [page, other]) visitor.allows(/status of 404.*\/integrations\/zapier\/deliver/);
    await other.shows(provider, 'connected');

    await page.button(provider, 'Disconnect').click();
    const dialog = page.page.getByRole('dialog');
    await dialog.getByText('You can connect again at any time.').waitFor();
    await dialog.getByRole('button', { name: 'Keep it connected' }).click();
    await dialog.waitFor({ state: 'detached' });
    await page.shows(provider, 'connected');

    await page.disconnects(provider);
    await other.shows(provider, 'not_connected');
    expect((await page.caller.read(provider)).body).toMatchObject({ status: 'not_connected', account: null });
    await page.page.getByText(`${LABELS[provider]} was disconnected`).waitFor();
  });

  it('uninstalls the app from the shop where its box is ticked', async () => {
    const { page, account } = await connected('shopify');
    await page.button('shopify', 'Disconnect').click();
    const dialog = page.page.getByRole('dialog');
    await dialog.getByLabel('Also uninstall the app at Shopify').check();
    await dialog.getByRole('button', { name: 'Disconnect Shopify' }).click();
    await page.shows('shopify', 'not_connected');
    await hub.event(page.caller, 'revocation.succeeded');
    expect(await hub.sandbox.grants('shopify', account.name)).toEqual([]);
  });
});

describe('Token expiry', () => {
  const LIFE_SECONDS = 20;

  it('is told by cards that move by themselves, and stay connected', async () => {
    const page = await somebody();
    const accounts = [ANYONES.shopify(), ANYONES.google_drive()];
    for (const { provider, name } of accounts)
      await hub.sandbox.set(provider, { accessTokenSeconds: LIFE_SECONDS }, name);
    for (const account of accounts) await page.connects(account);
    await Promise.all(
      accounts.map(async ({ provider }) => {
        const ends = (await page.moment(provider, 'Access until')) ?? Number.NaN;
        await page.laterMoment(provider, 'Access until', ends);
        await page.shows(provider, 'connected');
        expect((await page.moment(provider, 'Access until')) ?? 0).toBeGreaterThan(Date.now());
      }),
    );
    const names = (await hub.trail(page.caller)).map(({ name }) => name);
    expect(names.filter((name) => name === 'refresh.succeeded').length).toBeGreaterThanOrEqual(2);
    expect(names).not.toContain('refresh.failed');
  });
});

describe('A grant that was ended at the provider', () => {
  it.each(['shopify', 'notion', 'google_drive'] as const)(
    'asks for a new sign-in at %s, which mends it',
    async (provider) => {
      const { page, account } = await connected(provider);
      const { createdAt } = (await page.caller.read(provider)).body;
      await hub.sandbox.revoke(provider, account.name);
      page.visitor.expects(/status of 409/);
      await page.button(provider, 'Refresh now').click();
      await page.shows(provider, 'reauth_required');
      await page.card(provider).getByText('Reconnect: sign in at the provider once more.').waitFor();
      expect(await page.page.getByText(`${LABELS[provider]} is connected.`).count()).toBe(0);
      expect(await page.fact(provider, 'Access until').count()).toBe(0);
      if (provider === 'google_drive') await page.visitor.looksAt('sign in again');
      await page.connects(account, 'Reconnect');
      expect((await page.caller.read(provider)).body).toMatchObject({ status: 'connected', createdAt, failure: null });
    },
  );
});
