import { ANYONES } from '../support/accounts';
import type { Caller } from '../support/caller';
import { formOn } from '../support/page-form';
import { codeOf, parametersOf, type Person } from '../support/person';
import { RETURN_URL, Stack } from '../support/stack';
import { AttackStand, OAUTH, type AtCallback, type OAuthName } from './support/attack-stand';

/** Attack 9 of the catalogue, and what becomes of codes that wait: they end with their time, with what they were made for, or with their seal. */

/** A connect that waits, and what would complete it if it still could. */
interface Waiting extends AtCallback {
  readonly flow: string;
  /** Presses the button, or presents the handle. @returns status, and the code of a problem */
  readonly complete: () => Promise<[number, unknown]>;
}

/** Somebody else's browser stands before the confirm page. */
async function parked(
  stand: AttackStand,
  hub: Stack,
  provider: OAuthName,
  order: object = {},
): Promise<Waiting & Page> {
  const started = await stand.atCallback(provider, { ...order });
  const other = hub.person();
  const page = (await other.get(started.url)).headers.get('location') ?? '';
  const fields = formOn(await (await other.get(page)).text())?.fields ?? [];
  const press = () => other.post(page, fields);
  const complete = async (): Promise<[number, unknown]> => [(await press()).status, undefined];
  return { ...started, flow: await flowOf(hub, started.caller), complete, other, page, press };
}

interface Page {
  readonly other: Person;
  readonly page: string;
  readonly press: () => Promise<Response>;
}

/** The backend has its handle. */
async function deferred(stand: AttackStand, _hub: Stack, provider: OAuthName, order: object = {}): Promise<Waiting> {
  const started = await stand.atCallback(provider, { ...order, completion: 'deferred' });
  const { flow = '', handle } = parametersOf((await started.person.opens(started.url)).sentTo ?? '');
  const complete = async (): Promise<[number, unknown]> => {
    const answer = await started.caller.complete({ flow, handle });
    return [answer.status, codeOf(answer)];
  };
  return { ...started, flow, complete };
}

async function flowOf(hub: Stack, { claims }: Caller): Promise<string> {
  const rows = await hub.database.rows<{ id: string }>('select id from public.flows where org_id = $1', [claims.org]);
  expect(rows).toHaveLength(1);
  return rows[0]!.id;
}

const NO_SECRETS = { verifier: null, parked_code: null, confirm_cookie_hash: null };
const rowOf = async (hub: Stack, flow: string) =>
  (await hub.database.rows<{ status: string }>('select * from public.flows where id = $1', [flow]))[0];
const statusOf = async (caller: Caller, provider: string) => (await caller.read(provider)).body.status;
const ORDERS = { parked, deferred } as const;
const MANNERS = ['parked', 'deferred'] as const;
const EACH = OAUTH.flatMap((provider) => MANNERS.map((manner) => [provider, manner] as const));

describe('a connect whose time is over', () => {
  let hub: Stack;
  let stand: AttackStand;
  let badState: string;
  beforeAll(async () => {
    hub = await Stack.start({ apps: ['gateway', 'refresh-worker'], env: { REFRESH_SCAN_EVERY: '1s' } });
    stand = new AttackStand(hub);
    badState = await stand.pageOfBadState();
  });
  afterAll(() => hub.stop());

  /** Lets its time be over for more than the moment that latecomers have. */
  async function passes(flow: string): Promise<void> {
    await hub.database.rows(`update public.flows set expires_at = now() - interval '61 seconds' where id = $1`, [flow]);
  }

  async function expectAbandoned({ caller, flow }: Pick<Waiting, 'caller' | 'flow'>, provider: string, was: string) {
    const event = await hub.event(caller, 'flow.abandoned', { provider });
    expect(event).toMatchObject({ actor: { type: 'worker', id: 'refresh-worker' }, detail: { flow, was } });
    expect(await rowOf(hub, flow)).toMatchObject({ ...NO_SECRETS, status: 'abandoned' });
    expect(await statusOf(caller, provider)).toBe('not_connected');
  }

  describe.each(OAUTH)('at %s', (provider) => {
    it('loses its code where the button of the confirm page is not pressed', async () => {
      const waiting = await parked(stand, hub, provider);
      const { caller, account, other, page, press, flow, url } = waiting;
      await hub.event(caller, 'flow.unbound', { provider });
      await passes(flow);
      await expectAbandoned(waiting, provider, 'parked');
      const changed = await stand.changedBy(async () => {
        for (const answer of [await other.get(page), await press(), await hub.person().get(url)])
          expect(await stand.told(answer)).toBe(badState);
      });
      expect(changed).toEqual([]);
      await hub.event(caller, 'flow.state_expired', { provider });
      expect(await hub.sandbox.log({ provider, account: account.name, kind: 'exchange' })).toEqual([]);
      expect(await statusOf(caller, provider)).toBe('not_connected');
    });

    it('loses its code where the backend does not complete it', async () => {
      const waiting = await deferred(stand, hub, provider);
      await passes(waiting.flow);
      await expectAbandoned(waiting, provider, 'parked');
      expect(await waiting.complete()).toEqual([400, 'invalid_state']);
      const event = await hub.event(waiting.caller, 'flow.handle_rejected', { provider });
      expect(event.detail).toMatchObject({ flow: waiting.flow, reason: 'too late' });
      expect(await statusOf(waiting.caller, provider)).toBe('not_connected');
    });

    it('loses its verifier where nobody comes back', async () => {
      const started = await stand.atCallback(provider);
      const flow = await flowOf(hub, started.caller);
      await passes(flow);
      await expectAbandoned({ ...started, flow }, provider, 'open');
      expect(await stand.told(await started.person.get(started.url))).toBe(badState);
      await hub.event(started.caller, 'flow.state_expired', { provider });
    });

    it.each(MANNERS)('is not ended before that: %s', async (manner) => {
      const waiting = await ORDERS[manner](stand, hub, provider);
      const before = await rowOf(hub, waiting.flow);
      // a scan that ends another one has passed by this one
      const other = await stand.atCallback(provider);
      await passes(await flowOf(hub, other.caller));
      await hub.event(other.caller, 'flow.abandoned', { provider });
      expect(await rowOf(hub, waiting.flow)).toEqual(before);
      expect((await waiting.complete())[0]).toBe(manner === 'parked' ? 303 : 200);
      expect(await statusOf(waiting.caller, provider)).toBe('connected');
    });
  });

  it('at the hub’s own page, where nothing is typed', async () => {
    const caller = hub.as();
    const person = hub.person();
    const page = await person.starts(caller, { provider: 'zapier' });
    const flow = await flowOf(hub, caller);
    await passes(flow);
    await expectAbandoned({ caller, flow }, 'zapier', 'awaiting_input');
    expect(await stand.told(await person.get(page))).toBe(badState);
  });

  it('loses the hook URL where the backend does not complete it', async () => {
    const caller = hub.as();
    const person = hub.person();
    const page = await person.starts(caller, { provider: 'zapier', completion: 'deferred' });
    const webhookUrl = ANYONES.zapier().order['webhookUrl'] ?? '';
    const { flow = '', handle } = parametersOf((await person.opens(page, { inputs: { webhookUrl } })).sentTo ?? '');
    await passes(flow);
    await expectAbandoned({ caller, flow }, 'zapier', 'parked');
    expect((await caller.complete({ flow, handle })).status).toBe(400);
    expect(await statusOf(caller, 'zapier')).toBe('not_connected');
  });
});

describe('a connect whose settings have changed while it waited', () => {
  const CHANGES = {
    'flow.redirect_rejected': { REDIRECT_ALLOWLIST: null },
    'flow.context_mismatch': {
      SHOPIFY_CLIENT_ID: 'another-app',
      NOTION_CLIENT_ID: 'another-app',
      GOOGLE_CLIENT_ID: 'another-app',
    },
  } as const;
  type Told = keyof typeof CHANGES;
  const waiting = new Map<string, Waiting>();
  let hub: Stack;
  let badState: string;

  describe.each(Object.keys(CHANGES) as Told[])('which is told as %s', (told) => {
    beforeAll(async () => {
      hub = await Stack.start({ apps: ['gateway'] });
      const stand = new AttackStand(hub);
      for (const provider of OAUTH) {
        for (const manner of MANNERS)
          waiting.set(`${provider} ${manner}`, await ORDERS[manner](stand, hub, provider, { redirectUri: RETURN_URL }));
        const open = await stand.atCallback(provider, { redirectUri: RETURN_URL });
        const flow = await flowOf(hub, open.caller);
        const complete = () => Promise.reject(new Error('it is at its callback'));
        waiting.set(`${provider} open`, { ...open, flow, complete });
      }
      await hub.restart('gateway', CHANGES[told]);
      badState = await stand.pageOfBadState();
    });
    afterAll(() => hub.stop());

    it.each(EACH)('does not spend its code: %s, %s', async (provider, manner) => {
      const { caller, account, flow, complete } = waiting.get(`${provider} ${manner}`)!;
      const stand = new AttackStand(hub);
      let answer: unknown;
      expect(await stand.changedBy(async () => (answer = await complete()))).toEqual(['flows']);
      expect(answer).toEqual([400, manner === 'parked' ? undefined : 'invalid_state']);
      await hub.event(caller, told, { provider });
      expect(await rowOf(hub, flow)).toMatchObject({ ...NO_SECRETS, status: 'refused' });
      expect(await hub.sandbox.log({ provider, account: account.name, kind: 'exchange' })).toEqual([]);
      expect(await statusOf(caller, provider)).toBe('not_connected');
    });

    it.each(OAUTH)('does not go on at the callback of %s', async (provider) => {
      const { caller, person, url, flow } = waiting.get(`${provider} open`)!;
      const stand = new AttackStand(hub);
      expect(await stand.told(await person.get(url))).toBe(badState);
      await hub.event(caller, told, { provider });
      expect(await rowOf(hub, flow)).toMatchObject({ ...NO_SECRETS, status: 'refused' });
      expect(await statusOf(caller, provider)).toBe('not_connected');
    });
  });
});

describe('a connect whose sealed values were moved', () => {
  let hub: Stack;
  let stand: AttackStand;
  let badState: string;
  beforeAll(async () => {
    hub = await Stack.start({ apps: ['gateway'] });
    stand = new AttackStand(hub);
    badState = await stand.pageOfBadState();
  });
  afterAll(() => hub.stop());

  async function move(column: 'parked_code' | 'verifier', from: string, to: string): Promise<void> {
    await hub.database.rows(
      `update public.flows f set ${column} = o.${column} from public.flows o where o.id = $1 and f.id = $2`,
      [from, to],
    );
  }

  async function expectEnded({ caller, account, flow }: Waiting, provider: OAuthName, column: string): Promise<void> {
    const event = await hub.event(caller, 'seal.open_failed', { provider });
    expect(event.detail).toMatchObject({ table: 'flows', column, address: expect.any(String) });
    const end = await hub.event(caller, 'grant.rejected', { provider });
    expect(end.detail).toMatchObject({ flow, code: 'internal' });
    expect(await rowOf(hub, flow)).toMatchObject({ ...NO_SECRETS, status: 'refused' });
    expect(await hub.sandbox.log({ provider, account: account.name, kind: 'exchange' })).toEqual([]);
    expect(await statusOf(caller, provider)).toBe('not_connected');
  }

  it.each(EACH)('fails closed, and is ended: the code of %s, %s', async (provider, manner) => {
    const [from, to] = [await ORDERS[manner](stand, hub, provider), await ORDERS[manner](stand, hub, provider)];
    await move('parked_code', from.flow, to.flow);
    expect(await to.complete()).toEqual([500, manner === 'parked' ? undefined : 'internal']);
    await expectEnded(to, provider, 'parked_code');
    expect(await to.complete()).toEqual([400, manner === 'parked' ? undefined : 'invalid_state']);
    expect((await from.complete())[0]).toBe(manner === 'parked' ? 303 : 200);
  });

  it('fails closed, and is ended: the verifier of google_drive', async () => {
    const provider = 'google_drive';
    const [from, to] = [await stand.atCallback(provider), await stand.atCallback(provider)];
    const flow = await flowOf(hub, to.caller);
    await move('verifier', await flowOf(hub, from.caller), flow);
    const answer = await to.person.get(to.url);
    expect([answer.status, answer.headers.get('location')]).toEqual([500, null]);
    await expectEnded({ ...to, flow, complete: () => Promise.resolve([0, undefined]) }, provider, 'verifier');
    expect(await stand.told(await to.person.get(to.url))).toBe(badState);
  });
});

describe('a code whose life its provider tells', () => {
  let hub: Stack;
  beforeAll(async () => {
    hub = await Stack.start({ apps: ['gateway'], preloads: ['test/attacks/support/short-codes.cjs'] });
  });
  afterAll(() => hub.stop());

  it.each(EACH)('waits no longer than ten seconds before its end: %s, %s', async (provider, manner) => {
    const { caller, flow, complete } = await ORDERS[manner](new AttackStand(hub), hub, provider);
    const [left] = await hub.database.rows<{ seconds: number }>(
      'select extract(epoch from expires_at - now())::float8 as seconds from public.flows where id = $1',
      [flow],
    );
    expect(left?.seconds).toBeLessThanOrEqual(30);
    // so that it does not depend on how fast this machine is
    await hub.database.rows(`update public.flows set expires_at = now() + interval '5 minutes' where id = $1`, [flow]);
    expect((await complete())[0]).toBe(manner === 'parked' ? 303 : 200);
    expect(await statusOf(caller, provider)).toBe('connected');
  });
});
