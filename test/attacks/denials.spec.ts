import { randomBytes } from 'node:crypto';
import { parametersOf } from '../support/person';
import { Stack } from '../support/stack';
import { AttackStand, OAUTH, type AtCallback } from './support/attack-stand';
import { Verdicts } from './support/verdicts';

/** Attacks 18 and 19 of the catalogue: what the query calls an error. */
let hub: Stack;
let stand: AttackStand;
let verdicts: Verdicts;
beforeAll(async () => {
  hub = await Stack.start({ apps: ['gateway'] });
  stand = new AttackStand(hub);
  verdicts = new Verdicts(hub, stand);
});
afterAll(() => hub.stop());

/** A text that must turn up nowhere. */
const CANARY = `canary-${randomBytes(8).toString('hex')}`;
const LONG = `${CANARY} ${'x'.repeat(8 * 1024)}`;

/** The callback of this flow as a provider sends it that has something to complain of: without a code, unsigned. */
function complaint({ url, account }: AtCallback, parameters: Readonly<Record<string, string>>): string {
  const state = parametersOf(url)['state'] ?? '';
  return `${stand.callback(account.provider)}?${new URLSearchParams({ ...parameters, state })}`;
}

/** Which of the hub's codes an error of the query becomes, and how the trail words it. */
const MEANINGS: readonly [string, string, string][] = [
  ['access_denied', 'access_denied', 'access_denied'],
  ['temporarily_unavailable', 'provider_unavailable', 'temporarily_unavailable'],
  ['server_error', 'provider_unavailable', 'server_error'],
  ['invalid_scope', 'provider_misconfigured', 'invalid_scope'],
  ['unauthorized_client', 'provider_misconfigured', 'unauthorized_client'],
  ['consent_required', 'access_denied', 'consent_required'],
  [`<script>alert("${CANARY}")</script>`, 'access_denied', 'unlisted error'],
  [`${CANARY}\r\nset-cookie: a=b`, 'access_denied', 'unlisted error'],
  ['constructor', 'access_denied', 'constructor'],
  ['__proto__', 'access_denied', '__proto__'],
  ['', 'access_denied', 'unlisted error'],
  ['x'.repeat(8 * 1024), 'access_denied', 'unlisted error'],
];

describe.each(OAUTH)('at the callback of %s', (provider) => {
  it.each(MEANINGS.map((meaning, place) => [meaning[0].slice(0, 40), place] as const))(
    'the error %j is told by a code of the list',
    async (_error, place) => {
      const [error, code, reason] = MEANINGS[place]!;
      const started = await stand.atCallback(provider);
      await verdicts.isSentBack(started, () => started.person.get(complaint(started, { error })), {
        code,
        event: 'flow.denied',
        detail: { code, reason },
      });
      await verdicts.nothingConnected(started);
      expect(await stand.told(await started.person.get(started.url))).toBe(await stand.pageOfBadState());
    },
  );

  it('what is said beside an error is repeated nowhere', async () => {
    const started = await stand.atCallback(provider);
    const beside = { error: 'access_denied', error_description: LONG, error_uri: `https://evil.example/${CANARY}` };
    await verdicts.isSentBack(started, () => started.person.get(complaint(started, beside)), {
      code: 'access_denied',
      event: 'flow.denied',
    });
    expect(JSON.stringify(await hub.trail(started.caller))).not.toContain(CANARY);
    expect(hub.process('gateway').lines.join('\n')).not.toContain(CANARY);
  });

  it('both an error and a code are no answer', async () => {
    const started = await stand.atCallback(provider);
    const both = await stand.signed(provider, `${started.url}&error=access_denied`);
    await verdicts.isSentBack(started, () => started.person.get(both), {
      code: 'invalid_request',
      event: 'flow.response_rejected',
      detail: { reason: 'both error and code' },
    });
    await verdicts.nothingConnected(started);
  });
});

it('an error that somebody has put beside the code of a signed callback breaks its signature', async () => {
  const started = await stand.atCallback('shopify');
  const url = `${started.url}&error=access_denied`;
  await verdicts.endsInBadState(started, () => started.person.get(url), 'flow.response_rejected');
});

it.each(OAUTH)('a person who denies at %s comes back with access_denied', async (provider) => {
  const started = await stand.atCallback(provider, {}, { decision: 'deny' });
  await verdicts.isSentBack(started, () => started.person.get(started.url), {
    code: 'access_denied',
    event: 'flow.denied',
  });
});
