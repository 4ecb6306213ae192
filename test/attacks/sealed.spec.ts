import { ANYONES } from '../support/accounts';
import { formOn } from '../support/page-form';
import { codeOf, parametersOf } from '../support/person';
import { Stack } from '../support/stack';
import { AttackStand, OAUTH, type AtCallback, type OAuthName } from './support/attack-stand';

/** Attack 43 of the catalogue: sealed values moved to another row, column or org. They open nowhere else, and no provider is blamed. */
let hub: Stack;
let stand: AttackStand;
beforeAll(async () => {
  hub = await Stack.start({ apps: ['gateway', 'refresh-worker'] });
  stand = new AttackStand(hub);
});
afterAll(() => hub.stop());

/** A connect whose callback is done. */
async function connected(provider: OAuthName, caller = hub.as()): Promise<AtCallback> {
  const account = ANYONES[provider]();
  const person = hub.person();
  const authUrl = await person.starts(caller, account.order);
  const url = await person.consents(authUrl, account.choices);
  expect(parametersOf((await person.opens(url)).sentTo ?? '')).toEqual({ success: provider });
  return { caller, person, account, authUrl, url };
}

type TokenColumn = 'access_token' | 'refresh_token';

async function sealedIn({ caller, account }: AtCallback, column: TokenColumn): Promise<string> {
  const [row] = await hub.database.rows<{ sealed: string }>(
    `select ${column} as sealed from public.integrations where org_id = $1 and provider = $2`,
    [caller.claims.org, account.provider],
  );
  return row?.sealed ?? '';
}

async function put({ caller, account }: AtCallback, column: TokenColumn, sealed: string): Promise<void> {
  await hub.database.rows(`update public.integrations set ${column} = $3 where org_id = $1 and provider = $2`, [
    caller.claims.org,
    account.provider,
    sealed,
  ]);
}

const statusOf = async ({ caller, account }: AtCallback) => (await caller.read(account.provider)).body.status;
const OTHER: Record<OAuthName, OAuthName> = { shopify: 'notion', notion: 'google_drive', google_drive: 'shopify' };

describe.each(OAUTH)('of a connection of %s', (provider) => {
  /** Where the foreign value comes from. */
  const SOURCES: Record<string, (own: AtCallback) => Promise<string>> = {
    'another org': async () => sealedIn(await connected(provider), 'access_token'),
    'another provider of the org': async ({ caller }) =>
      sealedIn(await connected(OTHER[provider], caller), 'access_token'),
    'the refresh token’s column': (own) => sealedIn(own, 'refresh_token'),
  };

  it.each(Object.keys(SOURCES))('an access token that was put there from %s is not served', async (from) => {
    const own = await connected(provider);
    const before = await sealedIn(own, 'access_token');
    await put(own, 'access_token', await SOURCES[from]!(own));
    const after = await hub.lastSeq(own.caller);
    for (const query of ['', '?minTtl=0']) {
      const answer = await own.caller.token(provider, query);
      expect([answer.status, codeOf(answer)]).toEqual([500, 'internal']);
      expect(answer.text).not.toMatch(/hub1\.|accessToken/);
    }
    const event = await hub.event(own.caller, 'seal.open_failed', { provider, after });
    expect(event.detail).toMatchObject({ table: 'integrations', column: 'access_token' });
    expect(await statusOf(own)).toBe('connected');
    await put(own, 'access_token', before);
    expect((await own.caller.token(provider)).status).toBe(200);
  });

  const REFRESH_SOURCES: Record<string, (own: AtCallback) => Promise<string>> = {
    'another org': async () => sealedIn(await connected(provider), 'refresh_token'),
    'the access token’s column': (own) => sealedIn(own, 'access_token'),
  };

  it.each(Object.keys(REFRESH_SOURCES))(
    'a refresh token that was put there from %s goes to no provider',
    async (from) => {
      const own = await connected(provider);
      const before = await sealedIn(own, 'refresh_token');
      await put(own, 'refresh_token', await REFRESH_SOURCES[from]!(own));
      // Notion's is only looked at once the access token is refused
      if (provider === 'notion') await hub.sandbox.expire(provider, own.account.name);
      const after = await hub.lastSeq(own.caller);
      await own.caller.refresh(provider);
      const event = await hub.event(own.caller, 'seal.open_failed', { provider, after });
      expect(event.detail).toMatchObject({ reason: expect.stringMatching(/^refresh_token_/) });
      expect((await own.caller.read(provider)).body).toMatchObject({
        status: 'refresh_failing',
        failure: { code: 'internal' },
      });
      const asked = await hub.sandbox.log({ provider, account: own.account.name, kind: 'refresh' });
      expect(asked).toEqual([]);
      await put(own, 'refresh_token', before);
      await own.caller.refresh(provider);
      await hub.event(own.caller, 'integration.recovered', { provider });
    },
  );
});

describe('of flows', () => {
  /** Exchanges a column between two flows. */
  async function swap(column: 'verifier' | 'parked_code', one: AtCallback, other: AtCallback): Promise<void> {
    const orgs = [one.caller.claims.org, other.caller.claims.org];
    const swapped = await hub.database.rows(
      `update public.flows f set ${column} = o.${column} from public.flows o
        where f.org_id = any($1) and o.org_id = any($1) and f.org_id <> o.org_id returning f.id`,
      [orgs],
    );
    expect(swapped).toHaveLength(2);
  }

  const flowRow = async ({ caller }: AtCallback) =>
    (
      await hub.database.rows<{ status: string; verifier: string | null; parked_code: string | null }>(
        'select status, verifier, parked_code from public.flows where org_id = $1',
        [caller.claims.org],
      )
    )[0];

  /** The flow is over by the hub's own failure: nothing was spent, and nobody else is blamed. */
  async function expectEnded(started: AtCallback, column: string): Promise<void> {
    const { caller, account } = started;
    const { provider } = account;
    expect(await flowRow(started)).toEqual({ status: 'refused', verifier: null, parked_code: null });
    const { detail } = await hub.event(caller, 'seal.open_failed', { provider });
    expect(detail).toMatchObject({ table: 'flows', column });
    const rejected = await hub.event(caller, 'grant.rejected', { provider });
    expect(rejected.detail).toMatchObject({ code: 'internal' });
    expect(await stand.exchanges(account)).toBe(0);
    expect(await statusOf(started)).toBe('not_connected');
  }

  it('a PKCE verifier that was moved between two flows of google_drive is sent to nobody', async () => {
    const flows = [await stand.atCallback('google_drive'), await stand.atCallback('google_drive')] as const;
    await swap('verifier', ...flows);
    for (const started of flows) {
      const { answer, told, changed } = await stand.asked(() => started.person.get(started.url));
      expect([answer.status, answer.headers.get('location'), changed]).toEqual([500, null, ['flows']]);
      expect(told).toContain('text/html');
      expect(told).not.toContain('hub1.');
      await expectEnded(started, 'verifier');
    }
  });

  it.each(OAUTH)('a parked code that was moved between two flows of %s is spent by nobody', async (provider) => {
    const begun = async () => {
      const started = await stand.atCallback(provider);
      const other = hub.person();
      const page = (await other.get(started.url)).headers.get('location') ?? '';
      const fields = formOn(await (await other.get(page)).text())?.fields ?? [];
      return { ...started, press: () => other.post(page, fields) };
    };
    const flows = [await begun(), await begun()] as const;
    await swap('parked_code', ...flows);
    for (const started of flows) {
      const { answer, told, changed } = await stand.asked(started.press);
      expect([answer.status, answer.headers.get('location'), changed]).toEqual([500, null, ['flows']]);
      expect(told).not.toContain('hub1.');
      await expectEnded(started, 'parked_code');
    }
  });
});
