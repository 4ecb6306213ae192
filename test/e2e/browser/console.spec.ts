import { randomUUID } from 'node:crypto';
import type { Page } from 'playwright-core';
import { ANYONES, type Account } from '../../support/accounts';
import { realBrowser } from '../../support/browser';
import type { Caller } from '../../support/caller';
import { consents } from '../../support/consent';
import { IntegrationsPage, LABELS } from '../../support/integrations-page';
import { eventually } from '../../support/eventually';
import { Stack } from '../../support/stack';

/** The page of integrations itself: who may see it, what it says, and how it can be used. */
const browser = realBrowser('console');
let hub: Stack;
/** Without live status, and after a refusal, the page looks every 15 seconds. */
const AT_THE_NEXT_LOOK = { timeout: 60_000 };
/** Two, so that one can be left out: by default Google is asked for the first alone. */
const GOOGLE_SCOPES = ['https://www.googleapis.com/auth/drive.file', 'email'];
beforeAll(async () => {
  hub = await Stack.start({ env: { SITE_URL: null, GOOGLE_SCOPES: GOOGLE_SCOPES.join(',') } });
});
afterAll(() => hub.stop());

async function somebody(caller = hub.as(), userLabel?: string): Promise<IntegrationsPage> {
  return IntegrationsPage.signIn(await browser.visitor(), caller, userLabel);
}

/** Connects without the page, as another service of the product does. */
async function connectedElsewhere(caller: Caller, account: Account): Promise<void> {
  await hub.connect(caller, account.order, account.choices);
  await hub.event(caller, 'sync.completed', { provider: account.provider });
}

describe('who is there', () => {
  it('is told by a link that signs one browser in, once', async () => {
    const caller = hub.as();
    const { url: link } = (await caller.consoleLink({ userLabel: 'Ada Lovelace <img src=x onerror=alert(1)>' })).body;
    const [ada, eve] = [await browser.visitor(), await browser.visitor()];
    await ada.page.goto(link);
    await ada.page.getByText('Ada Lovelace <img src=x onerror=alert(1)>').waitFor();
    await ada.page.getByText(caller.claims.org).waitFor();
    eve.expects(/status of 400/);
    await eve.page.goto(link);
    await eve.page.getByRole('heading', { name: 'This link is not valid any more' }).waitFor();
    await eve.looksAt('link used before');
  });

  it('is nobody without a link: the page shows nothing of any org', async () => {
    const stranger = await browser.visitor();
    stranger.expects(/status of 401/);
    await stranger.page.goto(`${hub.publicUrl}/integrations`);
    await stranger.page.getByRole('heading', { name: 'You are not signed in' }).waitFor();
    expect(await stranger.page.locator('article').count()).toBe(0);
    await stranger.looksAt('signed out');
  });

  it('is nobody any more after signing out, in every tab', async () => {
    const { page, visitor } = await somebody();
    visitor.expects(/status of 401/);
    await page.getByRole('button', { name: 'Sign out' }).click();
    await page.getByRole('heading', { name: 'You are not signed in' }).waitFor();
    expect(await page.getByText('You were signed out').count()).toBe(0); // who did it need not be told
    await page.goto(`${hub.publicUrl}/integrations`);
    await page.getByRole('heading', { name: 'You are not signed in' }).waitFor();
  });

  it('is nobody any more once the page was left untouched for an hour, and goes on being somebody who uses it', async () => {
    const { page, visitor, caller } = await somebody();
    visitor.expects(/status of 401/);
    await page.clock.install();
    await lastSeen(caller, 50);
    await happens(page, caller);
    expect(await minutesUnseen(caller)).toBeGreaterThanOrEqual(50); // what the page asks by itself is no use
    await page.mouse.move(200, 200);
    await happens(page, caller);
    await eventually('the use to be noted', async () => (await minutesUnseen(caller)) < 50);
    await lastSeen(caller, 60);
    await page.clock.setSystemTime(Date.now() + 60 * 60_000);
    await connectedElsewhere(caller, ANYONES.notion());
    await page.getByRole('heading', { name: 'You are not signed in' }).waitFor();
    await page.getByText('You were signed out, since nobody has used this page for an hour.').waitFor();
    await visitor.looksAt('signed out after an hour');
    expect(await page.locator('article').count()).toBe(0);
  });

  /** Something that the page asks for lists after. */
  async function happens(page: Page, caller: Caller): Promise<void> {
    const asked = page.waitForResponse((response) => response.url().includes('/integrations/audit'));
    await connectedElsewhere(caller, ANYONES.google_drive());
    await caller.disconnect('google_drive');
    await asked;
  }

  /** Moves the last use of an org's session into the past. */
  async function lastSeen({ claims }: Caller, minutesAgo: number): Promise<void> {
    await hub.database.rows(
      'update public.console_sessions set last_seen_at = now() - make_interval(mins => $2) where org_id = $1',
      [claims.org, minutesAgo],
    );
  }

  async function minutesUnseen({ claims }: Caller): Promise<number> {
    const [row] = await hub.database.rows<{ minutes: number }>(
      'select extract(epoch from now() - last_seen_at)::float8 / 60 as minutes from public.console_sessions where org_id = $1',
      [claims.org],
    );
    return row?.minutes ?? Number.NaN;
  }

  it('may only look, where the link’s token may only look', async () => {
    const org = hub.as();
    await connectedElsewhere(org, ANYONES.notion());
    const { page } = await somebody(org.with({ scopes: ['integrations:read', 'integrations:write'] }));
    await page.getByRole('button', { name: 'Disconnect Notion' }).waitFor();
    for (const section of ['History', 'Failed jobs'])
      expect(await page.getByRole('heading', { name: section }).count()).toBe(0);
  });

  it('sees only the own org, side by side with another', async () => {
    const [one, other] = [await somebody(), await somebody()];
    const [mine, theirs] = [ANYONES.google_drive(), ANYONES.google_drive()];
    await Promise.all([one.connects(mine), other.connects(theirs)]);
    await one.fact('google_drive', 'Account').getByText(mine.name).waitFor();
    await other.fact('google_drive', 'Account').getByText(theirs.name).waitFor();
    await one.disconnects('google_drive');
    await other.button('google_drive', 'Refresh now').click();
    await other.card('google_drive').getByText('Refreshed.').waitFor();
    for (const [page, foreign] of [
      [one.page, theirs],
      [other.page, mine],
    ] as const)
      expect(await page.content()).not.toContain(foreign.name);
  });
});

describe('what happens elsewhere', () => {
  it('shows by itself: a connect, a failing refresh, its recovery, a disconnect', async () => {
    const { caller, ...seen } = await watching();
    const account = ANYONES.google_drive();
    await connectedElsewhere(caller, account);
    await seen.page.shows('google_drive', 'connected');
    const heal = await hub.sandbox.fault('google_drive', {
      on: 'refresh',
      kind: 'rate_limit',
      status: 429,
      account: account.name,
    });
    await caller.refresh('google_drive');
    await seen.page.shows('google_drive', 'refresh_failing');
    await seen.page.visitor.looksAt('a refresh that fails');
    await heal();
    await caller.refresh('google_drive');
    await seen.page.shows('google_drive', 'connected');
    await caller.disconnect('google_drive');
    await seen.page.shows('google_drive', 'not_connected');
    expect(seen.loads()).toBe(0);
  });

  /** Somebody before the page, and how often it was loaded since. */
  async function watching(): Promise<{ page: IntegrationsPage; caller: Caller; loads: () => number }> {
    const page = await somebody();
    let loads = 0;
    page.page.on('load', () => (loads += 1));
    return { page, caller: page.caller, loads: () => loads };
  }

  it('is made good after the network was away, and before that the page says so', async () => {
    const page = await somebody();
    page.visitor.allows(/ERR_INTERNET_DISCONNECTED|WebSocket/);
    await page.visitor.context.setOffline(true);
    await page.page.getByText('Offline: the hub cannot be reached.').waitFor();
    await page.visitor.looksAt('offline');
    await connectedElsewhere(page.caller, ANYONES.notion());
    await page.shows('notion', 'not_connected');
    await page.button('shopify', 'Connect').waitFor(); // the page stays usable
    await page.visitor.context.setOffline(false);
    await page.shows('notion', 'connected');
    await page.isThere();
  });

  it('is made good after the gateway was away', async () => {
    const page = await somebody();
    page.visitor.allows(/ERR_CONNECTION_REFUSED|WebSocket/);
    await hub.process('gateway').stop();
    await page.page.getByText(/Live updates are away|Offline/).waitFor();
    await hub.process('gateway').start();
    await connectedElsewhere(page.caller, ANYONES.notion());
    await page.shows('notion', 'connected');
    await page.isThere();
  });
});

describe('news without live status', () => {
  it('come to the cards and to the history by asking', async () => {
    const [visitor, caller] = [await browser.visitor(), hub.as()];
    await visitor.page.routeWebSocket(/\/integrations\/live/, (socket) => socket.close());
    await visitor.page.goto((await caller.consoleLink()).body.url);
    await visitor.page.getByText('Live updates are away: looking every 15 seconds').waitFor();
    await visitor.page.locator('article[data-provider="notion"]').waitFor();
    await connectedElsewhere(caller, ANYONES.notion());
    await visitor.page.locator('article[data-provider="notion"][data-status="connected"]').waitFor(AT_THE_NEXT_LOOK);
    await visitor.page.getByText('Notion was connected').waitFor(AT_THE_NEXT_LOOK);
  });
});

describe('answers that are slow, or that are refused', () => {
  /** What the page asks for with somebody signed in, and what stands there instead. */
  const LISTS =
    /\/functions\/v1\/integrations(?:$|\/(?:audit|dead-letters|zapier\/(?:delivery-settings|deliveries))(?:$|\?))/;

  it('are waited for in words, with the page at hand', async () => {
    const [visitor, caller] = [await browser.visitor(), hub.as()];
    const { page } = visitor;
    let letGo = (): void => {};
    const held = new Promise<void>((resolve) => (letGo = resolve));
    await page.route(LISTS, async (route) => {
      await held;
      await route.continue();
    });
    await page.goto((await caller.consoleLink()).body.url);
    for (const name of ['Your integrations', 'Failed jobs', 'History'])
      await page.getByRole('region', { name }).getByRole('status').getByText('Loading…').waitFor();
    await visitor.looksAt('loading');
    letGo();
    await page.locator('article[data-provider="notion"]').waitFor();
    await page.getByText('Nothing has run out of tries.').waitFor();
    await page.getByRole('region', { name: 'History' }).getByText('Somebody signed in to this page').waitFor();
    expect(await page.getByText('Loading…').count()).toBe(0);
  });

  it('are told with what to do, and are forgotten once the hub is well again', async () => {
    const page = await somebody();
    await connectedElsewhere(page.caller, ANYONES.zapier());
    await page.page.getByRole('region', { name: 'Deliveries to Zapier' }).waitFor();
    page.visitor.expects(/status of 500/);
    let failing: RegExp = LISTS;
    const instance = 'urn:uuid:0b9e4d0e-6a3c-4c5e-9a57-3d3c5a1b2c11';
    await page.page.route(LISTS, (route) =>
      failing.test(route.request().url())
        ? route.fulfill({
            status: 500,
            contentType: 'application/problem+json',
            body: JSON.stringify({ title: 'Internal error', status: 500, code: 'internal', instance }),
          })
        : route.continue(),
    );
    await page.page.reload();
    const told = (name: string) => page.page.getByRole('region', { name }).getByRole('alert');
    for (const name of ['Your integrations', 'Failed jobs', 'History']) {
      await told(name).getByText('Something went wrong in the hub.').waitFor();
      await told(name).getByText('Try again; if it stays so, tell the operator of the hub.').waitFor();
      await told(name).getByText(instance.replace('urn:uuid:', '')).waitFor();
    }
    await page.visitor.looksAt('a hub that fails');

    failing = /\/zapier\//;
    await page.card('zapier').waitFor(AT_THE_NEXT_LOOK);
    const alerts = page.page.getByRole('alert');
    await alerts.nth(1).waitFor({ state: 'detached', ...AT_THE_NEXT_LOOK });
    await alerts.getByText('Something went wrong in the hub.').waitFor();
    failing = /^$/;
    await page.page.getByRole('region', { name: 'Deliveries to Zapier' }).waitFor(AT_THE_NEXT_LOOK);
    await alerts.waitFor({ state: 'detached', ...AT_THE_NEXT_LOOK });
  });
});

describe('a connect that comes to nothing', () => {
  it.each(['shopify', 'notion', 'google_drive'] as const)('says what to do after a denial at %s', async (provider) => {
    const page = await somebody();
    const account = ANYONES[provider]();
    const said = await page.connectsInVain(account, { decision: 'Cancel' });
    expect(said).toContain(`${LABELS[provider]} was not connected: access was denied at the provider.`);
    expect(said).toContain('Connect again and allow the access there.');
    if (provider === 'shopify') await page.visitor.looksAt('denied');
    await page.shows(provider, 'not_connected');
  });

  // the others have no such box: Notion knows no scopes, its boxes are pages; Zapier has no consent page
  it.each([
    ['shopify', 'read_orders'],
    ['google_drive', 'See, edit, create and delete only the Drive files used with this app'],
  ] as const)('says that every box of %s must stay ticked, and takes another try from there', async (provider, box) => {
    const page = await somebody();
    const account = ANYONES[provider]();
    const said = await page.connectsInVain(account, { without: [box] });
    expect(said).toContain(`${LABELS[provider]} was not connected: not all of the rights were granted.`);
    expect(said).toContain('Connect again and leave every box ticked that the provider shows.');
    const history = page.page.getByRole('region', { name: 'History' });
    await history.getByText(`${LABELS[provider]} was not connected: not all rights were granted`).waitFor();
    await page.visitor.looksAt(`missing scope ${provider}`);
    await page.shows(provider, 'not_connected');
    await page.connects(account);
  });

  it('refuses another account than before, unless that is wanted', async () => {
    const page = await somebody();
    const [first, second] = [ANYONES.notion(), ANYONES.notion()];
    await page.connects(first);
    await page.leavesFor(second, 'Reconnect');
    await consents(page.page, second);
    await page.page.getByRole('alert').getByText('another account than before').waitFor();
    await page.page.getByRole('button', { name: 'Allow another account' }).click();
    await consents(page.page, second);
    await page.fact('notion', 'Account').getByText(second.name).waitFor();
  });

  it('names a mistake while it is typed, and asks nobody', async () => {
    const page = await somebody();
    for (const [provider, typed, complaint] of [
      ['shopify', 'shop.example.com', 'This must end in .myshopify.com.'],
      ['zapier', 'http://hooks.zapier.com/hooks/catch/1/a/', 'The URL must begin with https, not http.'],
    ] as const) {
      await page.button(provider, 'Connect').click();
      const dialog = page.page.getByRole('dialog');
      await dialog.getByRole('textbox').fill(typed);
      await dialog.getByRole('button', { name: 'Continue' }).click();
      await dialog.getByText(complaint).waitFor();
      await page.visitor.looksAt(`mistake ${provider}`);
      await page.page.keyboard.press('Escape');
      await dialog.waitFor({ state: 'detached' });
    }
    expect((await page.caller.audit()).body.events.map(({ name }) => name)).not.toContain('request.invalid');
  });
});

describe('jobs that ran out of tries', () => {
  it('are listed with their reason, and tried again: one that succeeds leaves the list', async () => {
    const page = await somebody();
    const account = ANYONES.google_drive();
    await connectedElsewhere(page.caller, account);
    const heal = await hub.sandbox.fault('google_drive', {
      on: 'refresh',
      kind: 'rate_limit',
      status: 429,
      account: account.name,
    });
    for (let tries = 0; tries < 5; tries += 1) await page.caller.refresh('google_drive');
    const letter = page.page.getByRole('listitem').filter({ hasText: 'Refresh of Google Drive: 5 tries' });
    await letter.waitFor();
    const kinds = page.page.getByRole('region', { name: 'Failed jobs' }).getByLabel('Show');
    await kinds.selectOption('deliveries');
    await page.page.getByText('There is none of these.').waitFor();
    await kinds.selectOption('refreshes');
    await letter.waitFor();
    await page.visitor.looksAt('failed jobs');
    await kinds.selectOption('all jobs');
    await heal();
    await letter.getByRole('button', { name: /^Try again/ }).click();
    await page.page.getByText('Nothing has run out of tries.').waitFor();
    await page.shows('google_drive', 'connected');
    expect((await page.caller.deadLetters()).body.deadLetters).toEqual([]);
  });
});

describe('deliveries', () => {
  it('are chosen by the org, none by itself, and listed without what is in them', async () => {
    const page = await somebody();
    await connectedElsewhere(page.caller, ANYONES.zapier());
    const section = page.page.getByRole('region', { name: 'Deliveries to Zapier' });
    await section.waitFor();
    expect(await section.getByRole('checkbox', { checked: true }).count()).toBe(0);
    await section.getByLabel('something works again').check();
    await section.getByRole('button', { name: 'Save' }).click();
    await section.getByText('Saved as shown.').waitFor();
    const sent = await page.caller.request('POST', '/functions/v1/integrations/zapier/events', {
      body: { type: 'order.paid', data: { note: 'only for the Zap' } },
    });
    expect(sent.status).toBe(202);
    await page.page.reload();
    await section.getByText('order.paid').waitFor();
    expect(await section.getByLabel('something works again').isChecked()).toBe(true);
    expect(await page.page.content()).not.toContain('only for the Zap');
  });

  it('are signed with a secret that is shown on demand alone, and can be made anew', async () => {
    const page = await somebody();
    await connectedElsewhere(page.caller, ANYONES.zapier());
    const section = page.page.getByRole('region', { name: 'Deliveries to Zapier' });
    await section.getByRole('button', { name: 'Show the secret' }).click();
    const secret = section.getByText(/^whsec_/);
    const first = await secret.innerText();
    await section.getByRole('button', { name: 'Make a new one' }).click();
    const dialog = page.page.getByRole('dialog');
    await page.visitor.looksAt('a new signing secret');
    await dialog.getByRole('button', { name: 'Make a new one' }).click();
    await section.getByText('The secret before signs as well until').waitFor();
    expect((await secret.innerText()) === first).toBe(false); // neither shows in the output
    for (const hide of [() => section.getByRole('button', { name: 'Hide' }).click(), () => page.page.reload()]) {
      await hide();
      await section.getByRole('button', { name: 'Show the secret' }).waitFor();
      expect((await page.page.content()).includes('whsec_')).toBe(false);
    }
  });
});

describe('the page', () => {
  it('looks as it should with nothing connected, with everything, and with a dialog', async () => {
    const page = await somebody(hub.as(), 'Ada Lovelace');
    await page.page.getByRole('region', { name: 'History' }).getByText('Somebody signed in to this page').waitFor();
    await page.visitor.looksAt('nothing connected');
    for (const make of Object.values(ANYONES)) await connectedElsewhere(page.caller, make());
    for (const provider of Object.keys(LABELS)) await page.shows(provider, 'connected');
    await page.fact('google_drive', 'Storage').waitFor();
    expect((await hub.trail(page.caller)).map(({ name }) => name)).toContain('key.created');
    expect(await page.page.getByText('encryption key').count()).toBe(0);
    await page.visitor.looksAt('all connected');
    await page.button('shopify', 'Disconnect').click();
    await page.page.getByRole('dialog').waitFor();
    await page.visitor.looksAt('disconnect');
  });

  it('keeps the appearance that was chosen', async () => {
    const { page } = await somebody();
    const ground = (): Promise<string> => page.evaluate('getComputedStyle(document.body).backgroundColor');
    const light = await ground();
    await page.getByLabel('Appearance').selectOption('Dark');
    expect(await ground()).not.toBe(light);
    const dark = await ground();
    await page.reload();
    await page.getByRole('heading', { name: 'Your integrations' }).waitFor();
    expect(await ground()).toBe(dark);
  });

  it('can be used by keyboard alone, and the focus is never lost', async () => {
    const page = await somebody();
    const account = ANYONES.shopify();
    const { keyboard } = page.page;
    await tabTo(page.page, 'Connect Shopify');
    await keyboard.press('Enter');
    await page.page.getByRole('dialog', { name: 'Connect Shopify' }).waitFor();
    expect(await focused(page.page)).toBe('shop');
    await keyboard.press('Escape');
    expect(await focused(page.page)).toBe('Connect Shopify');
    await keyboard.press('Enter');
    await keyboard.type(account.name);
    await keyboard.press('Enter');
    await page.page.getByRole('heading', { name: 'Allow access to Shopify?' }).waitFor();
    await tabTo(page.page, 'Allow');
    await keyboard.press('Enter');
    await page.page.getByText('Shopify is connected.').waitFor();
    await page.isThere();
    await tabTo(page.page, 'Disconnect Shopify');
    await keyboard.press('Enter');
    await page.page.getByRole('dialog').waitFor();
    await tabTo(page.page, 'Disconnect Shopify');
    await keyboard.press('Enter');
    await page.shows('shopify', 'not_connected');
    expect(await focused(page.page)).toBe('Shopify');
  });

  /** What has the focus: its name or its words. */
  function focused(page: Page): Promise<string> {
    return page.evaluate(
      '(document.activeElement?.textContent || document.activeElement?.name || "").trim().replace(/\\s+/g, " ")',
    );
  }

  async function tabTo(page: Page, words: string): Promise<void> {
    for (let presses = 0; presses < 60; presses += 1) {
      await page.keyboard.press('Tab');
      if ((await focused(page)) === words) return;
    }
    throw new Error(`Nothing called "${words}" is reached by Tab`);
  }

  it('is loaded with less than 150 kB of script, and from nowhere else', async () => {
    const visitor = await browser.visitor();
    const scripts: number[] = [];
    const foreign: string[] = [];
    visitor.page.on('requestfinished', (request) => {
      if (new URL(request.url()).origin !== hub.publicUrl) foreign.push(request.url());
      if (request.resourceType() === 'script')
        void request.sizes().then(({ responseBodySize }) => scripts.push(responseBodySize));
    });
    await IntegrationsPage.signIn(visitor, hub.as());
    await eventually('the sizes of the scripts', async () => scripts.length > 0);
    const bytes = scripts.reduce((sum, size) => sum + size, 0);
    expect(bytes).toBeGreaterThan(10_000);
    expect(bytes).toBeLessThan(150_000);
    expect(foreign).toEqual([]);
  });

  it('is given no secret: not in an answer, not in what it keeps', async () => {
    const page = await somebody();
    const texts: Promise<string>[] = [];
    page.page.on('response', (response) => {
      if (response.url().startsWith(hub.publicUrl) && response.status() === 200)
        texts.push(response.text().catch(() => ''));
    });
    const account = ANYONES.google_drive();
    await page.connects(account);
    await page.button('google_drive', 'Refresh now').click();
    await page.card('google_drive').getByText('Refreshed.').waitFor();
    const entries = await hub.sandbox.log({ provider: 'google_drive', account: account.name });
    const tokens = entries
      .flatMap(({ handedOut }) => [handedOut?.access, handedOut?.refresh])
      .filter(Boolean) as string[];
    expect(tokens.length).toBeGreaterThan(2);
    const kept = await page.page.evaluate<string>(
      'JSON.stringify([document.cookie, { ...localStorage }, { ...sessionStorage }])',
    );
    const all = [...(await Promise.all(texts)), kept, await page.page.content()].join('\n');
    expect(all).toContain(account.name);
    expect(tokens.filter((token) => all.includes(token)).length).toBe(0); // how many, and not which
    expect(await page.page.evaluate('document.cookie')).toBe('');
  });
});

describe('the hub of npm start', () => {
  const org = randomUUID();
  beforeAll(() => hub.restart('gateway', { HUB_LOCAL: 'true', HUB_LOCAL_ORG_ID: org }));
  afterAll(() => hub.restart('gateway', { HUB_LOCAL: null, HUB_LOCAL_ORG_ID: null }));

  it('signs a browser in by itself, which can connect and is told of it', async () => {
    const page = await IntegrationsPage.open(await browser.visitor(), hub.as(org), hub.publicUrl);
    await page.page.getByText(org).waitFor();
    await page.connects(ANYONES.notion());
    await page.page.getByText('Notion was connected').waitFor();
    await page.visitor.looksAt('a local hub');
    await page.disconnects('notion');
  });
});
