import type { ServerResponse } from 'node:http';
import type { Page } from 'playwright-core';
import { ANYONES, type Account } from '../../support/accounts';
import { realBrowser } from '../../support/browser';
import type { Caller } from '../../support/caller';
import { answersHubPage, consents, type Consent } from '../../support/consent';
import { HttpStandIn, type Asked } from '../../support/http-stand-in';
import { LABELS } from '../../support/integrations-page';
import { Stack } from '../../support/stack';
import type { Visitor } from '../../support/visitor';

/** The pages between a connect and its end, as people see them: the hub's own, and the providers' consent pages. */
const browser = realBrowser('pages');
const product = new HttpStandIn(answerProduct);
const elsewhere = new HttpStandIn(answerProduct);
let hub: Stack;
beforeAll(async () => {
  await Promise.all([product.start(), elsewhere.start()]);
  hub = await Stack.start({
    apps: ['gateway'],
    env: { SITE_URL: null, REDIRECT_ALLOWLIST: [HOME, MOVED].map((place) => product.url + place).join(',') },
  });
});
afterAll(() => Promise.all([hub.stop(), product.stop(), elsewhere.stop()]));

/** Where the product takes people back, and where it sends them on to another origin. */
const HOME = '/settings?tab=apps';
const MOVED = '/old-settings';
const arrivals: Asked[] = [];

function answerProduct(asked: Asked, response: ServerResponse): void {
  arrivals.push(asked);
  const { pathname, search } = new URL(asked.path, product.url);
  if (pathname === MOVED) response.writeHead(302, { location: `${elsewhere.url}/login${search}` }).end();
  else
    response
      .writeHead(200, { 'content-type': 'text/html' })
      .end('<!doctype html><html lang="en"><link rel="icon" href="data:,"><title>Product</title><h1>The product</h1>');
}

const PROVIDERS = ['shopify', 'notion', 'google_drive', 'zapier'] as const;
const OAUTH = ['shopify', 'notion', 'google_drive'] as const;

/** Whose connects ask for something on the hub's own page first. */
const asksFirst = (account: Account): boolean => Object.keys(account.order).length > 1;

interface Connecting {
  readonly visitor: Visitor;
  readonly page: Page;
  readonly caller: Caller;
  readonly account: Account;
  readonly authUrl: string;
}

/** Somebody whose browser has opened the first page of a connect that the bare provider was asked for. */
async function atFirstPage(
  provider: (typeof PROVIDERS)[number],
  { caller = hub.as(), visitor, order = {} }: { caller?: Caller; visitor?: Visitor; order?: object } = {},
): Promise<Connecting> {
  const account = ANYONES[provider]();
  const somebody = visitor ?? (await browser.visitor());
  const authUrl = await somebody.starts(hub, caller, { provider, ...order });
  await somebody.page.goto(authUrl);
  return { visitor: somebody, page: somebody.page, caller, account, authUrl };
}

/** Goes from there to the end, whatever pages come. */
async function goesThrough({ page, account }: Connecting, consent: Consent = {}): Promise<void> {
  if (asksFirst(account)) await answersHubPage(page, account);
  if (account.provider !== 'zapier') await consents(page, account, consent);
}

/** Waits until a stranger's browser is told at the page of integrations that the connect has come to its end. */
async function isToldSuccess(visitor: Visitor, provider: keyof typeof LABELS, page = visitor.page): Promise<void> {
  visitor.expects(/status of 401/); // nobody is signed in there
  await page.getByText(`${LABELS[provider]} is connected.`).waitFor();
  await page.waitForURL(`${hub.publicUrl}/integrations`); // the address forgets it at once
}

/** Waits until it is told there that nothing was connected. @returns how */
async function isToldRefusal(visitor: Visitor, provider: keyof typeof LABELS): Promise<string> {
  visitor.expects(/status of 401/);
  const alert = visitor.page.getByRole('alert');
  await alert.getByText(`${LABELS[provider]} was not connected`).waitFor();
  return alert.innerText();
}

async function statusOf(caller: Caller, provider: string): Promise<string> {
  return (await caller.read(provider)).body.status;
}

describe('a connect by the bare provider', () => {
  it.each(PROVIDERS)('leads through every page of %s to where it says so', async (provider) => {
    const connecting = await atFirstPage(provider);
    const { visitor, page, account, caller } = connecting;
    if (asksFirst(account)) {
      await page.getByRole('heading', { name: `Connect ${LABELS[provider]}` }).waitFor();
      await visitor.looksAt(`input ${provider}`);
      await answersHubPage(page, account);
    }
    if (provider !== 'zapier') {
      await page.getByRole('heading', { name: `Allow access to ${LABELS[provider]}?` }).waitFor();
      await visitor.looksAt(`consent ${provider}`);
      await consents(page, account);
    }
    await isToldSuccess(visitor, provider);
    await page.getByText('You can close this page.').waitFor();
    await visitor.looksAt(`connected ${provider}`);
    const shown = await page.getByRole('main').innerText();
    expect(shown).not.toMatch(/below|not signed in|functions/); // nothing is below, and nothing left to do
    await page.reload(); // it is said once
    await page.getByRole('heading', { name: 'You are not signed in' }).waitFor();
    expect(await statusOf(caller, provider)).toBe('connected');
  });

  it('leaves no cookie behind, and none that a script could have read', async () => {
    const connecting = await atFirstPage('notion');
    const { visitor } = connecting;
    const [cookie, ...more] = await visitor.context.cookies();
    expect(more).toEqual([]);
    expect(cookie).toMatchObject({ httpOnly: true, sameSite: 'Lax', path: '/' });
    expect(cookie?.name).toMatch(/^hub_flow_/);
    await goesThrough(connecting);
    await isToldSuccess(visitor, 'notion');
    expect(await visitor.context.cookies()).toEqual([]);
  });

  it.each(['shopify', 'zapier'] as const)('says at once what is wrong with what was typed for %s', async (provider) => {
    const connecting = await atFirstPage(provider);
    const { visitor, page } = connecting;
    visitor.expects(/status of 422/);
    await page.getByRole('textbox').fill('https://evil.example/');
    await page.getByRole('button', { name: 'Continue' }).click();
    await page.getByRole('alert').waitFor();
    await visitor.looksAt(`input refused ${provider}`);
    await goesThrough(connecting);
    await isToldSuccess(visitor, provider);
  });

  it('can be walked by keyboard alone', async () => {
    const { visitor, page, account } = await atFirstPage('shopify');
    await page.keyboard.press('Tab');
    await page.keyboard.type(account.name);
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: 'Allow access to Shopify?' }).waitFor();
    const allow = page.getByRole('button', { name: 'Allow' });
    for (
      let presses = 0;
      presses < 10 && !(await allow.evaluate('node => node === document.activeElement'));
      presses += 1
    )
      await page.keyboard.press('Tab');
    await page.keyboard.press('Enter');
    await isToldSuccess(visitor, 'shopify');
  });
});

describe('a connect that comes to nothing', () => {
  it.each(OAUTH)('tells of the denial at %s what to do', async (provider) => {
    const connecting = await atFirstPage(provider);
    const { visitor, caller } = connecting;
    await goesThrough(connecting, { decision: 'Cancel' });
    const told = await isToldRefusal(visitor, provider);
    expect(told).toContain('access was denied at the provider');
    expect(told).toContain('Connect again and allow the access there.');
    expect(await statusOf(caller, provider)).toBe('not_connected');
  });

  it('tells which rights were kept from it, when a box is unticked', async () => {
    const connecting = await atFirstPage('shopify');
    await goesThrough(connecting, { without: ['write_products'] });
    expect(await isToldRefusal(connecting.visitor, 'shopify')).toContain('not all of the rights were granted');
    expect(await statusOf(connecting.caller, 'shopify')).toBe('not_connected');
  });

  it('takes the only box of Google, when it is unticked, for the denial that it is', async () => {
    const connecting = await atFirstPage('google_drive');
    await goesThrough(connecting, {
      without: ['See, edit, create and delete only the Drive files used with this app'],
    });
    expect(await isToldRefusal(connecting.visitor, 'google_drive')).toContain('access was denied at the provider');
    expect(await statusOf(connecting.caller, 'google_drive')).toBe('not_connected');
  });

  it('takes another try of the same person, from the start', async () => {
    const { visitor, page, caller, ...first } = await atFirstPage('google_drive');
    await goesThrough({ ...first, visitor, page, caller }, { decision: 'Cancel' });
    await isToldRefusal(visitor, 'google_drive');
    await goesThrough(await atFirstPage('google_drive', { caller, visitor }));
    await isToldSuccess(visitor, 'google_drive');
    expect(await statusOf(caller, 'google_drive')).toBe('connected');
  });

  it('shows the plain page for a link that is not valid', async () => {
    const visitor = await browser.visitor();
    visitor.expects(/status of 400/);
    await visitor.page.goto(`${hub.publicUrl}/functions/v1/integrations-callback/notion?state=nobodys&code=x`);
    await visitor.page.getByRole('heading', { name: 'This link is not valid any more' }).waitFor();
    await visitor.looksAt('invalid link');
  });
});

describe('a link that is opened in another browser', () => {
  it.each(OAUTH)('leads over the confirm page of %s, which names who asks', async (provider) => {
    const caller = hub.as();
    const account = ANYONES[provider]();
    const [starter, other] = [await browser.visitor(), await browser.visitor()];
    const authUrl = await starter.starts(hub, caller, account.order);
    const { page } = other;
    await page.goto(authUrl);
    await consents(page, account);
    await page.getByRole('heading', { name: `Connect ${LABELS[provider]} to this organisation?` }).waitFor();
    const shown = (await page.getByRole('main').textContent()) ?? '';
    for (const named of [caller.claims.org, 'ada', LABELS[provider]]) expect(shown).toContain(named);
    await other.looksAt(`confirm ${provider}`);
    expect(await statusOf(caller, provider)).toBe('not_connected');

    await page.getByRole('button', { name: `Connect ${LABELS[provider]}` }).click();
    await isToldSuccess(other, provider);
    expect(await statusOf(caller, provider)).toBe('connected');
    expect(await other.context.cookies()).toEqual([]);
  });

  it('connects nothing when its page is closed, and cannot be confirmed in a third browser', async () => {
    const caller = hub.as();
    const account = ANYONES.notion();
    const [starter, other, third] = [await browser.visitor(), await browser.visitor(), await browser.visitor()];
    await other.page.goto(await starter.starts(hub, caller, account.order));
    await consents(other.page, account);
    await other.page.getByRole('button', { name: 'Connect Notion' }).waitFor();
    const confirmUrl = other.page.url();
    await other.page.goto('about:blank');
    third.expects(/status of 400/);
    await third.page.goto(confirmUrl);
    await third.page.getByRole('heading', { name: 'This link is not valid any more' }).waitFor();
    expect(await statusOf(caller, 'notion')).toBe('not_connected');
  });

  it('warns before it takes the hook URL of Zapier', async () => {
    const caller = hub.as();
    const account = ANYONES.zapier();
    const [starter, other] = [await browser.visitor(), await browser.visitor()];
    await other.page.goto(await starter.starts(hub, caller, { provider: 'zapier' }));
    await other.page.getByText('This connect was started in another browser.').waitFor();
    await other.looksAt('input zapier strange');
    await answersHubPage(other.page, account);
    await isToldSuccess(other, 'zapier');
    expect(await statusOf(caller, 'zapier')).toBe('connected');
  });
});

describe('the way back to the product', () => {
  it.each(PROVIDERS)('tells the product of %s nothing but the outcome', async (provider) => {
    const connecting = await atFirstPage(provider, { order: { redirectUri: product.url + HOME } });
    await goesThrough(connecting);
    await connecting.page.waitForURL(`${product.url}${HOME}&success=${provider}`);
    const arrived = arrivals.find(({ path }) => path === `${HOME}&success=${provider}`);
    expect(arrived).toMatchObject({ method: 'GET' });
    expect(arrived?.headers).not.toHaveProperty('referer');
    expect(arrived?.headers).not.toHaveProperty('cookie');
  });

  it.each(PROVIDERS)('of %s goes on where the product sends people, to any other place', async (provider) => {
    const connecting = await atFirstPage(provider, { order: { redirectUri: product.url + MOVED } });
    await goesThrough(connecting);
    await connecting.page.waitForURL(`${elsewhere.url}/login?success=${provider}`);
  });

  it('goes on from the confirm page too, wherever the product sends people', async () => {
    const account = ANYONES.notion();
    const [starter, { page }] = [await browser.visitor(), await browser.visitor()];
    await page.goto(await starter.starts(hub, hub.as(), { ...account.order, redirectUri: product.url + MOVED }));
    await consents(page, account);
    await page.getByRole('button', { name: 'Connect Notion' }).click();
    await page.waitForURL(`${elsewhere.url}/login?success=notion`);
  });

  it('goes from the page that asks for the shop to its end in one go, where the provider asks nobody', async () => {
    const connecting = await atFirstPage('shopify', { order: { redirectUri: product.url + HOME } });
    await hub.sandbox.set('shopify', { consent: 'approve' }, connecting.account.name);
    await answersHubPage(connecting.page, connecting.account);
    await connecting.page.waitForURL(`${product.url}${HOME}&success=shopify`);
  });
});

describe('two orgs side by side', () => {
  it('are connected by two people to accounts of their own', async () => {
    const both = await Promise.all([atFirstPage('google_drive'), atFirstPage('google_drive')]);
    for (const connecting of both) await goesThrough(connecting);
    for (const { visitor, caller, account } of both) {
      await isToldSuccess(visitor, 'google_drive');
      expect((await caller.read('google_drive')).body).toMatchObject({
        status: 'connected',
        account: { label: account.name },
      });
    }
  });

  it('are connected by one person in two tabs, whichever ends first', async () => {
    const visitor = await browser.visitor();
    const tabs = [];
    for (let tab = 0; tab < 2; tab += 1) {
      const [caller, account] = [hub.as(), ANYONES.notion()];
      const page = tab === 0 ? visitor.page : await visitor.context.newPage();
      await page.goto(await visitor.starts(hub, caller, account.order));
      tabs.push({ page, caller, account });
    }
    for (const { page, caller, account } of tabs.reverse()) {
      await consents(page, account);
      await isToldSuccess(visitor, 'notion', page);
      expect((await caller.read('notion')).body.account?.label).toBe(account.name);
    }
  });
});

describe('a browser that is offline for a while', () => {
  it('goes on at the consent page where it was', async () => {
    const { visitor, page, account, caller } = await atFirstPage('google_drive');
    const consentUrl = page.url();
    await visitor.context.setOffline(true);
    await consents(page, account);
    await page.waitForURL('chrome-error://chromewebdata/');
    await visitor.context.setOffline(false);
    await page.goto(consentUrl);
    await consents(page, account);
    await isToldSuccess(visitor, 'google_drive');
    expect(await statusOf(caller, 'google_drive')).toBe('connected');
  });
});

describe('a page of somebody else', () => {
  it('cannot frame the confirm page', async () => {
    const account = ANYONES.notion();
    const [starter, other] = [await browser.visitor(), await browser.visitor()];
    await other.page.goto(await starter.starts(hub, hub.as(), account.order));
    await consents(other.page, account);
    await other.page.getByRole('button', { name: 'Connect Notion' }).waitFor();
    const confirmUrl = other.page.url();
    await other.page.goto(`${product.url}/framing`);
    other.expects(/frame-ancestors|refused to connect/i);
    other.expects(/status of 400/); // nor does its cookie come along
    await other.page.evaluate(
      `document.body.append(Object.assign(document.createElement('iframe'), { src: ${JSON.stringify(confirmUrl)} }))`,
    );
    const frame = await (await other.page.waitForSelector('iframe')).contentFrame();
    await frame?.waitForURL('chrome-error://chromewebdata/');
  });
});
