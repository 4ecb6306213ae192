import { ANYONES } from '../support/accounts';
import type { Caller } from '../support/caller';
import { eventually } from '../support/eventually';
import { formOn } from '../support/page-form';
import { parametersOf, type Person } from '../support/person';
import { Stack } from '../support/stack';
import { AttackStand, OAUTH, type AtCallback, type OAuthName } from './support/attack-stand';
import { Verdicts } from './support/verdicts';

/** Attacks 7, 9, 28, 29, 32 and 44 of the catalogue: whose browser brings the callback, and who presses the button. What becomes of a code that nobody confirms is in abandoned.spec.ts. */
let hub: Stack;
let stand: AttackStand;
let verdicts: Verdicts;
beforeAll(async () => {
  hub = await Stack.start({ apps: ['gateway'] });
  stand = new AttackStand(hub);
  verdicts = new Verdicts(hub, stand);
});
afterAll(() => hub.stop());

/** A connect before its confirm page, in a browser that did not start it. */
interface AtConfirmPage extends AtCallback {
  readonly other: Person;
  readonly page: string;
  readonly csrf: string;
}

/** Opens the callback in a browser that did not start the connect: it is led to the confirm page, and nothing is spent. */
async function parked(started: AtCallback, on: { hub: Stack; stand: AttackStand }): Promise<AtConfirmPage> {
  const other = on.hub.person();
  const { answer, changed } = await on.stand.asked(() => other.get(started.url));
  const page = answer.headers.get('location') ?? '';
  expect(answer.status).toBe(302);
  expect(page).toMatch(/\/functions\/v1\/integrations-confirm\/[\w-]{43}$/);
  expect(changed).toEqual(['flows']);
  const event = await on.hub.event(started.caller, 'flow.unbound', { provider: started.account.provider });
  expect(event.detail).toMatchObject({ policy: 'confirm' });
  const csrf = formOn(await (await other.get(page)).text())?.fields.find(([name]) => name === 'csrf')?.[1] ?? '';
  expect(csrf).not.toBe('');
  return { ...started, other, page, csrf };
}

const statusOf = async ({ caller, account }: AtCallback) => (await caller.read(account.provider)).body.status;

describe.each(OAUTH)('a connect of %s', (provider) => {
  it('whose callback comes to another browser is put to the person there, and connects nothing by itself', async () => {
    const started = await parked(await stand.atCallback(provider), { hub, stand });
    await verdicts.nothingConnected(started);
    expect(await stand.told(await started.person.get(started.url))).toBe(await stand.pageOfBadState());
    await hub.event(started.caller, 'flow.state_replayed', { provider });
  });

  it('leaves no cookie in a browser that has completed it', async () => {
    const { person, url } = await stand.atCallback(provider);
    expect(person.cookieHeader(url)).not.toBe('');
    await person.get(url);
    expect(person.cookieHeader(url)).toBe('');
    const at = await parked(await stand.atCallback(provider), { hub, stand });
    expect(at.other.cookieHeader(at.page)).not.toBe('');
    await at.other.post(at.page, [['csrf', at.csrf]]);
    expect(at.other.cookieHeader(at.page)).toBe('');
    const denied = await stand.atCallback(provider, {}, { decision: 'deny' });
    await denied.person.get(denied.url);
    expect(denied.person.cookieHeader(denied.url)).toBe('');
  });

  it('that an attacker started and a victim consented to is worth nothing to the attacker', async () => {
    const victim = hub.person();
    const caller = hub.as();
    const attacker = hub.person();
    const account = ANYONES[provider]();
    const authUrl = await attacker.starts(caller, account.order);
    const url = await victim.consents(authUrl, account.choices);
    const { page, csrf } = await parked({ caller, person: attacker, account, authUrl, url }, { hub, stand });
    const badState = await stand.pageOfBadState();
    const changed = await stand.changedBy(async () => {
      for (const one of [url, page]) expect(await stand.told(await attacker.get(one))).toBe(badState);
      expect((await attacker.post(page, [['csrf', csrf]])).status).toBe(403);
    });
    expect(changed).toEqual([]);
    await verdicts.nothingConnected({ caller, account });
    await hub.event(caller, 'flow.confirm_rejected', { provider });
  });

  it('goes well beside another one of the same org in a second tab', async () => {
    const first = await stand.atCallback(provider);
    const { caller, person, account } = first;
    const second = await person.consents(await person.starts(caller, account.order), account.choices);
    for (const url of [second, first.url])
      expect(parametersOf((await person.opens(url)).sentTo ?? '')).toEqual({ success: provider });
    expect(await statusOf(first)).toBe('connected');
    const connects = (await hub.trail(caller)).filter(({ name }) => name === 'integration.connected');
    expect(connects).toHaveLength(2);
  });

  it('goes well beside another one of the same org whose callback comes at the same moment', async () => {
    const first = await stand.atCallback(provider);
    const { caller, person, account } = first;
    const second = await person.consents(await person.starts(caller, account.order), account.choices);
    const ends = await Promise.all([first.url, second].map((url) => person.opens(url)));
    for (const { sentTo } of ends) expect(parametersOf(sentTo ?? '')).toEqual({ success: provider });
    expect(await statusOf(first)).toBe('connected');
    const connects = (await hub.trail(caller)).filter(({ name }) => name === 'integration.connected');
    expect(connects).toHaveLength(2);
  });

  it('is over once the org has disconnected', async () => {
    const started = await stand.atCallback(provider);
    expect((await started.caller.disconnect(provider)).status).toBe(204);
    const { told, changed } = await stand.asked(() => started.person.get(started.url));
    expect([told, changed]).toEqual([await stand.pageOfBadState(), []]);
    await verdicts.nothingConnected(started);
    await hub.event(started.caller, 'flow.cancelled', { provider });
  });

  it('is over also when the org disconnects while its code is being exchanged', async () => {
    const started = await stand.atCallback(provider);
    const { caller, person, url } = started;
    const sandbox = hub.process('sandbox');
    sandbox.signal('SIGSTOP'); // the provider does not answer until the org has disconnected
    const answering = person.get(url);
    try {
      await eventually('the state to be taken', async () => (await flowOf(started)).status === 'taken');
      expect((await caller.disconnect(provider)).status).toBe(204);
    } finally {
      sandbox.signal('SIGCONT');
    }
    expect(await stand.told(await answering)).toBe(await stand.pageOfBadState());
    expect(await stand.exchanges(started.account)).toBe(1);
    expect(await statusOf(started)).toBe('not_connected');
    const rows = await hub.database.rows('select 1 from public.integrations where org_id = $1', [caller.claims.org]);
    expect(rows).toEqual([]);
    await hub.event(caller, 'flow.cancelled', { provider });
  });

  describe('before its confirm page', () => {
    type Press = (at: AtConfirmPage) => Promise<Response>;
    const PRESSES: Record<string, Press> = {
      // browsers send no Lax cookie with it
      'from another site': ({ page, csrf }) => hub.person().post(page, [['csrf', csrf]], CROSS_SITE),
      'from another site, by a browser that sends cookies all the same': ({ page, csrf, other }) =>
        other.post(page, [['csrf', csrf]], CROSS_SITE),
      'in a third browser': ({ page, csrf }) => hub.person().post(page, [['csrf', csrf]]),
      'in the browser that started the connect': ({ page, csrf, person }) => person.post(page, [['csrf', csrf]]),
      'without a proof': ({ page, other }) => other.post(page, []),
      'with an empty proof': ({ page, other }) => other.post(page, [['csrf', '']]),
      'with a proof that is a guess': ({ page, csrf, other }) =>
        other.post(page, [['csrf', `${csrf.startsWith('A') ? 'B' : 'A'}${csrf.slice(1)}`]]),
      'with two proofs': ({ page, csrf, other }) =>
        other.post(page, [
          ['csrf', csrf],
          ['csrf', csrf],
        ]),
    };

    it('takes no press of its button but its own', async () => {
      const at = await parked(await stand.atCallback(provider), { hub, stand });
      for (const [what, press] of Object.entries(PRESSES)) {
        const after = await hub.lastSeq(at.caller);
        const { answer, changed } = await stand.asked(() => press(at));
        expect([what, answer.status, changed]).toEqual([what, 403, []]);
        await hub.event(at.caller, 'flow.confirm_rejected', { provider, after });
      }
      await verdicts.nothingConnected(at);
      const { page, csrf, other } = at;
      const pressed = await other.post(page, [['csrf', csrf]], SAME_ORIGIN);
      expect([pressed.status, parametersOf(pressed.headers.get('location') ?? '')]).toEqual([
        303,
        { success: provider },
      ]);
      expect(await statusOf(at)).toBe('connected');
    });

    it('shows its page in no frame', async () => {
      const { other, page } = await parked(await stand.atCallback(provider), { hub, stand });
      const shown = await other.get(page, { 'sec-fetch-dest': 'iframe', 'sec-fetch-site': 'cross-site' });
      expect(shown.headers.get('content-security-policy')).toContain("frame-ancestors 'none'");
    });
  });
});

/** A connect of Zapier whose hook URL its page is still to ask for. */
async function atHookPage(): Promise<{ caller: Caller; person: Person; page: string }> {
  const [caller, person] = [hub.as(), hub.person()];
  return { caller, person, page: await person.starts(caller, { provider: 'zapier' }) };
}

describe('the page that asks for a hook URL', () => {
  const WARNING = 'This connect was started in another browser.';

  it('warns a browser that did not start the connect, and names who did', async () => {
    const { caller, person, page } = await atHookPage();
    const other = hub.person();
    const { answer, told, changed } = await stand.asked(() => other.get(page));
    expect([answer.status, changed]).toEqual([200, []]);
    for (const text of [WARNING, caller.claims.org, 'nothing will be connected']) expect(told).toContain(text);
    const complaint = await stand.asked(() => other.post(page, [['webhookUrl', 'https://evil.example/']]));
    expect([complaint.answer.status, complaint.changed]).toEqual([422, []]);
    expect(complaint.told).toContain(WARNING);
    expect(await stand.told(await person.get(page))).not.toContain(WARNING);
  });

  it('connects what is typed there in such a browser, and the trail says so', async () => {
    const { caller, page } = await atHookPage();
    const webhookUrl = ANYONES.zapier().order['webhookUrl'] as string;
    const { sentTo = '' } = await hub.person().opens(page, { inputs: { webhookUrl } });
    expect(parametersOf(sentTo)).toEqual({ success: 'zapier' });
    expect((await hub.event(caller, 'flow.confirmed', { provider: 'zapier' })).detail).toMatchObject({
      policy: 'confirm',
    });
  });
});

const CROSS_SITE = { 'sec-fetch-site': 'cross-site', origin: 'https://evil.example' };
const SAME_ORIGIN = { 'sec-fetch-site': 'same-origin' };

async function flowOf({ caller }: AtCallback): Promise<{ id: string; status: string }> {
  const [flow, ...more] = await hub.database.rows<{ id: string; status: string }>(
    'select id, status from public.flows where org_id = $1',
    [caller.claims.org],
  );
  if (!flow || more.length > 0) throw new Error('there is not one flow');
  return flow;
}

describe('on https, where a sibling domain may toss cookies under any name but a __Host- one', () => {
  let secure: Stack;
  let secureStand: AttackStand;
  beforeAll(async () => {
    secure = await Stack.start({ apps: ['gateway'], env: { PUBLIC_URL: 'https://hub.example' } });
    secureStand = new AttackStand(secure);
  });
  afterAll(() => secure.stop());

  /** Puts cookies of one browser into another, as far as a sibling domain could: without their prefix. */
  function tossed(from: Person, to: Person): void {
    const jar = from.cookies.get('hub.example') ?? new Map<string, string>();
    expect([...jar.keys()].every((name) => name.startsWith('__Host-'))).toBe(true);
    to.cookies.set('hub.example', new Map([...jar].map(([name, value]) => [name.replace('__Host-', ''), value])));
  }

  it.each(OAUTH)('the cookie of a flow of %s binds no browser that it was tossed into', async (provider) => {
    const started = await secureStand.atCallback(provider);
    const victim = secure.person();
    tossed(started.person, victim);
    expect(victim.cookieHeader('https://hub.example')).toMatch(/^hub_flow_[0-9a-f-]{36}=/);
    const { answer, changed } = await secureStand.asked(() => victim.get(started.url));
    expect([answer.status, changed]).toEqual([302, ['flows']]);
    expect(answer.headers.get('location')).toContain('https://hub.example/functions/v1/integrations-confirm/');
    expect(await secureStand.exchanges(started.account)).toBe(0);
    expect(await statusOf(started)).toBe('not_connected');
    await secure.event(started.caller, 'flow.unbound', { provider });
  });

  it.each(OAUTH)(
    'the cookie of a confirm page of %s opens it in no browser that it was tossed into',
    async (provider) => {
      const started = await secureStand.atCallback(provider);
      const { other, page, csrf } = await parked(started, { hub: secure, stand: secureStand });
      const victim = secure.person();
      tossed(other, victim);
      const shown = await secureStand.asked(() => victim.get(page));
      expect([shown.told, shown.changed]).toEqual([await secureStand.pageOfBadState(), []]);
      const pressed = await secureStand.asked(() => victim.post(page, [['csrf', csrf]]));
      expect([pressed.answer.status, pressed.changed]).toEqual([403, []]);
      expect(await statusOf(started)).toBe('not_connected');
      await secure.event(started.caller, 'flow.confirm_rejected', { provider });
    },
  );
});

describe('where the operator refuses browsers that did not start the connect', () => {
  const before = new Map<OAuthName, AtConfirmPage>();
  beforeAll(async () => {
    for (const provider of OAUTH) before.set(provider, await parked(await stand.atCallback(provider), { hub, stand }));
    await hub.restart('gateway', { CONNECT_UNBOUND: 'refuse' });
  });
  afterAll(() => hub.restart('gateway', { CONNECT_UNBOUND: null }));

  const WAYS: Record<string, (provider: OAuthName) => Promise<[AtCallback, Person]>> = {
    'somebody else’s callback': async (provider) => [await stand.atCallback(provider), hub.person()],
    'an attacker’s connect that its victim consented to': async (provider) => {
      const victim = hub.person();
      const caller = hub.as();
      const attacker = hub.person();
      const account = ANYONES[provider]();
      const authUrl = await attacker.starts(caller, account.order);
      const url = await victim.consents(authUrl, account.choices);
      return [{ caller, person: attacker, account, authUrl, url }, victim];
    },
  };

  it.each(OAUTH)('a code of %s that was parked before is not completed by its button any more', async (provider) => {
    const at = before.get(provider)!;
    const after = await hub.lastSeq(at.caller);
    const press = () => at.other.post(at.page, [['csrf', at.csrf]], SAME_ORIGIN);
    const { told, changed } = await stand.asked(press);
    expect([told, changed]).toEqual([await stand.pageOfBadState(), ['flows']]);
    await verdicts.nothingConnected(at);
    const { detail } = await hub.event(at.caller, 'flow.unbound', { provider, after });
    expect(detail).toMatchObject({ policy: 'refuse' });
  });

  it('the page that asks for a hook URL is the one page in such a browser, whether opened or sent', async () => {
    for (const act of [
      (page: string) => hub.person().get(page),
      (page: string) => hub.person().post(page, [['webhookUrl', ANYONES.zapier().order['webhookUrl'] as string]]),
    ]) {
      const { caller, person, page } = await atHookPage();
      const badState = await stand.pageOfBadState();
      const { told, changed } = await stand.asked(() => act(page));
      expect([told, changed]).toEqual([badState, ['flows']]);
      expect(await stand.told(await person.get(page))).toBe(badState);
      expect((await caller.read('zapier')).body.status).toBe('not_connected');
      const { detail } = await hub.event(caller, 'flow.unbound', { provider: 'zapier' });
      expect(detail).toMatchObject({ policy: 'refuse' });
    }
  });

  it('and the browser that started it goes on', async () => {
    const { caller, person, page } = await atHookPage();
    const webhookUrl = ANYONES.zapier().order['webhookUrl'] as string;
    const { sentTo = '' } = await person.opens(page, { inputs: { webhookUrl } });
    expect(parametersOf(sentTo)).toEqual({ success: 'zapier' });
    expect((await caller.read('zapier')).body.status).toBe('connected');
  });

  describe.each(Object.keys(WAYS))('%s', (way) => {
    it.each(OAUTH)('of %s gets the one page, and is over', async (provider) => {
      const [started, victim] = await WAYS[way]!(provider);
      await verdicts.endsInBadState(started, () => victim.get(started.url), 'flow.unbound');
      const { detail } = await hub.event(started.caller, 'flow.unbound', { provider });
      expect(detail).toMatchObject({ policy: 'refuse' });
    });
  });
});
