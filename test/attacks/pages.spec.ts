import { formOn } from '../support/page-form';
import { parametersOf } from '../support/person';
import { Stack } from '../support/stack';
import { AttackStand, OAUTH } from './support/attack-stand';

/** Attacks 12 (prefetchers, as far as links of a connect go) and 30 of the catalogue: what opens or frames a page that nobody asked for. */
let hub: Stack;
let stand: AttackStand;
beforeAll(async () => {
  hub = await Stack.start({ apps: ['gateway'] });
  stand = new AttackStand(hub);
});
afterAll(() => hub.stop());

/** The confirm page of a connect, in a browser that did not start it. */
async function atConfirmPage(provider: (typeof OAUTH)[number]) {
  const started = await stand.atCallback(provider);
  const other = hub.person();
  const sent = await other.get(started.url);
  return { ...started, other, sent, page: sent.headers.get('location') ?? '' };
}

describe('a prefetcher', () => {
  it.each(OAUTH)('uses up no callback of %s by its HEAD', async (provider) => {
    const { person, url } = await stand.atCallback(provider);
    const { answer, changed } = await stand.asked(() => person.head(url));
    expect([answer.status, answer.headers.get('allow'), changed]).toEqual([405, 'GET', []]);
    expect(parametersOf((await person.opens(url)).sentTo ?? '')).toEqual({ success: provider });
  });

  it.each(OAUTH)('neither uses up nor confirms the confirm page of %s', async (provider) => {
    const { other, page, caller } = await atConfirmPage(provider);
    const head = await stand.asked(() => other.head(page));
    expect([head.answer.status, head.changed]).toEqual([405, []]);
    const ahead = await stand.asked(() => other.get(page, { 'sec-purpose': 'prefetch' }));
    expect([ahead.answer.status, ahead.changed]).toEqual([200, []]);
    expect((await caller.read(provider)).body.status).toBe('not_connected');
    const ending = await other.opens(page, { confirm: true });
    expect(parametersOf(ending.sentTo ?? '')).toEqual({ success: provider });
  });

  it.each(['shopify', 'zapier'] as const)('uses up no input page of %s', async (provider) => {
    const person = hub.person();
    const page = await person.starts(hub.as(), { provider });
    const head = await stand.asked(() => person.head(page));
    expect([head.answer.status, head.changed]).toEqual([405, []]);
    const ahead = await stand.asked(() => person.get(page, { 'sec-purpose': 'prefetch;prerender' }));
    expect([ahead.answer.status, ahead.changed]).toEqual([200, []]);
    expect((await person.get(page)).status).toBe(200);
  });
});

describe('a frame', () => {
  /** Every page and every redirect that browsers meet, by its name. */
  async function shown(): Promise<Map<string, Response>> {
    const at = await atConfirmPage('notion');
    const bound = await stand.atCallback('google_drive');
    const denied = await stand.atCallback('shopify', {}, { decision: 'deny' });
    const person = hub.person();
    const shop = await person.starts(hub.as(), { provider: 'shopify' });
    const hook = await person.starts(hub.as(), { provider: 'zapier' });
    const confirm = await at.other.get(at.page);
    const fields = formOn(await confirm.clone().text())?.fields ?? [];
    const pages = new Map<string, Response>([
      ['the confirm page', confirm],
      ['the way to it', at.sent],
      ['a press from elsewhere', await hub.person().post(at.page, fields)],
      ['the way after its button', await at.other.post(at.page, fields)],
      ['the way of a bound callback', await bound.person.get(bound.url)],
      ['the way of a denied one', await denied.person.get(denied.url)],
      ['the page of a bad state', await person.get(bound.url)],
      ['the page that asks for a shop', await person.get(shop)],
      ['the same with a complaint', await person.post(shop, [['shop', 'a b']])],
      ['the way on from it', await person.post(shop, [['shop', denied.account.name]])],
      ['the page that asks for a hook', await person.get(hook)],
      ['a form of another type', await person.post(hook, [], { 'content-type': 'text/plain' })],
      ['the landing page', await person.get(`${hub.publicUrl}/integrations?success=notion`)],
      ['the way to it from the root', await person.get(`${hub.publicUrl}/`)],
      ['the docs', await person.get(`${hub.publicUrl}/docs`)],
    ]);
    return pages;
  }

  it('shows no page, is led nowhere, and hears no address', async () => {
    const pages = await shown();
    expect([...pages].map(([name, { status }]) => `${status} ${name}`)).toEqual([
      '200 the confirm page',
      '302 the way to it',
      '403 a press from elsewhere',
      '303 the way after its button',
      '302 the way of a bound callback',
      '302 the way of a denied one',
      '400 the page of a bad state',
      '200 the page that asks for a shop',
      '422 the same with a complaint',
      '303 the way on from it',
      '200 the page that asks for a hook',
      '415 a form of another type',
      '200 the landing page',
      '302 the way to it from the root',
      '200 the docs',
    ]);
    for (const [name, { headers }] of pages) {
      const policy = headers.get('content-security-policy') ?? '';
      expect([name, policy]).toEqual([name, expect.stringMatching(/default-src 'none'/)]);
      expect([name, policy]).toEqual([name, expect.stringContaining("frame-ancestors 'none'")]);
      expect([name, headers.get('referrer-policy')]).toEqual([name, 'no-referrer']);
      expect([name, headers.get('x-content-type-options')]).toEqual([name, 'nosniff']);
    }
  });

  it('gets nothing from elsewhere, and nothing that runs, on pages of a connect', async () => {
    for (const [name, answer] of await shown()) {
      if (name === 'the docs' || name === 'the landing page') continue; // whose scripts are their own files
      const html = await answer.text();
      expect([name, html]).toEqual([name, expect.not.stringMatching(/<(script|iframe|img|link|object|embed)\b/i)]);
      expect([name, html]).toEqual([name, expect.not.stringMatching(/\b(src|srcset|on[a-z]+)=/i)]);
    }
  });
});
