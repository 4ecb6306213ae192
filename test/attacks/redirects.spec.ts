import { ANYONES } from '../support/accounts';
import { eventually } from '../support/eventually';
import { codeOf } from '../support/person';
import { RETURN_URL, SITE_URL, Stack } from '../support/stack';
import { AttackStand, OAUTH } from './support/attack-stand';

/** Attack 21 of the catalogue: return URLs that look like one of the list. That the list is asked again at the end is in mix-up.spec.ts (22). */
let hub: Stack;
let stand: AttackStand;
beforeAll(async () => {
  hub = await Stack.start({ apps: ['gateway'], env: { RATE_LIMIT_CONNECTS: 'off' } });
  stand = new AttackStand(hub);
});
afterAll(() => hub.stop());

const FORMS = [
  '//evil.example',
  '//app.example/integrations',
  '///app.example/integrations',
  '/integrations',
  'integrations',
  '',
  ' ',
  'https://evil.example',
  'https://app.example@evil.example/integrations',
  'https://evil.example@app.example/integrations',
  'https://app.example:pw@evil.example/',
  'https://app.example\\@evil.example/integrations',
  'https:\\\\app.example/integrations',
  'https:/app.example/integrations',
  'https:app.example/integrations',
  'https://app.example.evil.example/integrations',
  'https://app.example%2eevil.example/integrations',
  'https://app.example%00.evil.example/integrations',
  'https://app.example./integrations',
  'https://app\u3002example/integrations',
  'https://\u0430pp.example/integrations',
  'https://app.exam\u200bple/integrations',
  'https://app.exam\u00adple/integrations',
  'https://xn--pp-7kc.example/integrations',
  'https://app.example:443/integrations',
  'https://app.example:8443/integrations',
  'http://app.example/integrations',
  'HTTPS://app.example/integrations',
  'https://APP.example/integrations',
  'https://app.example/Integrations',
  'https://app.example/integrations/',
  'https://app.example/integrations/more',
  'https://app.example/integrations/../admin',
  'https://app.example/./integrations',
  'https://app.example//integrations',
  'https://app.example/%69ntegrations',
  'https://app.example/integrations;x',
  'https://app.example/integrations?',
  'https://app.example/integrations?next=https://evil.example',
  'https://app.example/integrations#',
  'https://app.example/integrations#done',
  'https://app.example/settings',
  'https://app.example/settings?tab=apps&more=1',
  'https://app.example/settings?tab=apps#x',
  'https://app.example/settings?TAB=apps',
  ' https://app.example/integrations',
  'https://app.example/integrations ',
  'https://app.example/integrations\n',
  '\thttps://app.example/integrations',
  'https://app.example/integrations\u0000',
  'javascript:alert(1)',
  'javascript://app.example/integrations%0aalert(1)',
  'data:text/html,hello',
  'vbscript:msgbox(1)',
  'file:///etc/passwd',
  'blob:https://app.example/integrations',
  'app://integrations',
];

describe.each([...OAUTH, 'zapier'] as const)('a connect of %s', (provider) => {
  it('returns to nothing that only looks like the list', async () => {
    const caller = hub.as();
    const { order } = ANYONES[provider]();
    const changed = await stand.changedBy(async () => {
      for (const redirectUri of FORMS) {
        const answer = await caller.begin({ ...order, redirectUri });
        expect([redirectUri, answer.status, codeOf(answer)]).toEqual([redirectUri, 422, 'redirect_uri_not_allowed']);
        expect(answer.headers.getSetCookie()).toEqual([]);
        expect(answer.headers.get('location')).toBeNull();
      }
    });
    expect(changed).toEqual([]);
    const told = await eventually('an event for each of them', async () => {
      const events = (await hub.trail(caller)).filter(({ name }) => name === 'flow.redirect_rejected');
      return events.length >= FORMS.length && events;
    });
    expect(told).toHaveLength(FORMS.length);
    for (const event of told) expect(event).toMatchObject({ provider, actor: { type: 'user', id: 'ada' } });
  });

  it('returns to what is on it, letter for letter', async () => {
    for (const redirectUri of [RETURN_URL, SITE_URL, `${SITE_URL}/integrations`])
      expect((await hub.as().begin({ ...ANYONES[provider]().order, redirectUri })).status).toBe(200);
  });
});
