import { createHash, randomBytes, randomUUID } from 'node:crypto';
import type { AuditEntry, Endpoints, EventName, FlowId, OrgId, ProviderId, Sealed } from '@hub/domain';
import { cloneDatabase, type OwnDatabase } from '../../../test/support/database';
import { completeFlow, FlowRepository, type NewFlow, type OpenedFlow } from './flow.repository';
import { migrationDataSource } from './data-source';
import type { HubDatabase } from './hub-database';
import { AbandonFlows1795393610000 } from './migrations/1795393610000-abandon-flows';

const hash = (text = randomBytes(16).toString('hex')): Buffer => createHash('sha256').update(text).digest();
const event = (name: EventName): AuditEntry => ({
  name,
  provider: 'notion',
  integrationId: null,
  actor: { type: 'user', id: 'ada' },
});
const endpoints: Endpoints = {
  authorizeUrl: 'https://provider.example/authorize',
  tokenUrl: 'https://provider.example/token',
  revokeUrl: null,
  apiBaseUrl: 'https://provider.example',
};
const aFlow = (different: Partial<NewFlow> = {}): NewFlow => ({
  id: randomUUID() as FlowId,
  orgId: randomUUID() as OrgId,
  provider: 'notion' as ProviderId,
  startedBy: 'ada',
  completion: 'browser',
  returnUrl: 'https://app.example/integrations',
  scopes: ['read', 'write'],
  clientId: 'client-1',
  allowAccountChange: false,
  cookieHash: hash(),
  ...different,
});
const opened = (different: Partial<OpenedFlow> = {}): OpenedFlow => ({
  inputs: { shop: 'ada.myshopify.com' },
  endpoints,
  stateHash: hash(),
  verifier: 'sealed-verifier' as Sealed,
  ...different,
});

describe('flows', () => {
  let database: OwnDatabase;
  let gateway: HubDatabase;
  let flows: FlowRepository;

  beforeAll(async () => {
    database = await cloneDatabase();
    gateway = await database.as('gateway');
    flows = new FlowRepository(gateway);
  });
  afterAll(() => database.drop());

  /** A flow whose browser is at the provider. */
  async function underWay(different: Partial<NewFlow> = {}): Promise<{ flow: NewFlow; stateHash: Buffer }> {
    const flow = aFlow(different);
    const way = opened();
    await flows.begin(flow, { opened: way }, event('flow.started'));
    return { flow, stateHash: way.stateHash };
  }

  async function taken(): Promise<{ flow: NewFlow; stateHash: Buffer }> {
    const begun = await underWay();
    await flows.take(begun.stateHash);
    return begun;
  }

  const row = async (id: FlowId) =>
    (await database.sql<Record<string, unknown>>('select * from public.flows where id = $1', [id]))[0];
  const events = async (orgId: OrgId): Promise<string[]> =>
    (
      await database.sql<{ name: string }>('select name from public.audit_events where org_id = $1 order by seq', [
        orgId,
      ])
    ).map(({ name }) => name);

  it('live ten minutes from their start by the database’s clock', async () => {
    const { flow } = await underWay();
    const [life] = await database.sql<{ seconds: number }>(
      'select extract(epoch from expires_at - created_at)::float8 as seconds from public.flows where id = $1',
      [flow.id],
    );
    expect(life).toEqual({ seconds: 600 });
  });

  it('keep nothing of the browser’s secrets but hashes', async () => {
    const { flow, stateHash } = await underWay();
    expect(await row(flow.id)).toMatchObject({ state_hash: stateHash, cookie_hash: flow.cookieHash, page_hash: null });
    expect(await events(flow.orgId)).toEqual(['flow.started']);
  });

  describe('a state that comes back', () => {
    it('gives the flow as it was begun', async () => {
      const { flow, stateHash } = await underWay({ allowAccountChange: true });
      expect(await flows.take(stateHash)).toMatchObject({
        kind: 'taken',
        flow: {
          id: flow.id,
          orgId: flow.orgId,
          provider: 'notion',
          startedBy: 'ada',
          status: 'taken',
          returnUrl: 'https://app.example/integrations',
          inputs: { shop: 'ada.myshopify.com' },
          scopes: ['read', 'write'],
          endpoints,
          clientId: 'client-1',
          allowAccountChange: true,
          cookieHash: flow.cookieHash,
          verifier: 'sealed-verifier',
          parkedCode: null,
        },
      });
    });

    it('does so once: of fifty callbacks at the same moment one takes it', async () => {
      const { flow, stateHash } = await underWay();
      const outcomes = await Promise.all(Array.from({ length: 50 }, () => flows.take(stateHash)));
      expect(outcomes.filter(({ kind }) => kind === 'taken')).toHaveLength(1);
      const refusals = outcomes.filter(({ kind }) => kind === 'refused');
      expect(refusals).toHaveLength(49);
      for (const refusal of refusals)
        expect(refusal).toEqual({ kind: 'refused', reason: 'replayed', orgId: flow.orgId, flowId: flow.id });
    });

    it('is refused as unknown where there is no such flow', async () => {
      expect(await flows.take(hash())).toEqual({ kind: 'refused', reason: 'unknown', orgId: null, flowId: null });
    });

    it.each([
      ['expired', 'update public.flows set expires_at = now() where id = $1'],
      ['replayed', "update public.flows set status = 'completed' where id = $1"],
      ['replayed', "update public.flows set status = 'refused' where id = $1"],
      ['replayed', "update public.flows set status = 'parked' where id = $1"],
      ['cancelled', "update public.flows set status = 'cancelled' where id = $1"],
      ['expired', "update public.flows set status = 'abandoned' where id = $1"],
    ])('is refused as %s after: %s', async (reason, sql) => {
      const { flow, stateHash } = await underWay();
      await database.sql(sql, [flow.id]);
      expect(await flows.take(stateHash)).toEqual({ kind: 'refused', reason, orgId: flow.orgId, flowId: flow.id });
      expect((await row(flow.id))?.status).not.toBe('taken');
    });
  });

  describe('that wait for an input', () => {
    it('are found by their page, and go on to the provider once', async () => {
      const flow = aFlow();
      const pageHash = hash();
      await flows.begin(flow, { pageHash }, event('flow.started'));
      expect(await flows.ofPage(pageHash)).toMatchObject({ id: flow.id, status: 'awaiting_input', endpoints: null });
      expect(await flows.ofPage(hash())).toBeUndefined();
      const tries = await Promise.all(Array.from({ length: 5 }, () => flows.open(flow.orgId, flow.id, opened())));
      expect(tries.filter(Boolean)).toHaveLength(1);
      expect(await flows.ofPage(pageHash)).toBeUndefined();
      expect((await row(flow.id))?.status).toBe('open');
    });

    it('do not go on once they have expired', async () => {
      const flow = aFlow();
      await flows.begin(flow, { pageHash: hash() }, event('flow.started'));
      await database.sql('update public.flows set expires_at = now() where id = $1', [flow.id]);
      expect(await flows.open(flow.orgId, flow.id, opened())).toBe(false);
    });

    it('do not go on in another org', async () => {
      const flow = aFlow();
      await flows.begin(flow, { pageHash: hash() }, event('flow.started'));
      expect(await flows.open(randomUUID() as OrgId, flow.id, opened())).toBe(false);
    });
  });

  describe('whose code is parked', () => {
    const parking = () => ({ code: 'sealed-code' as Sealed, lifeSeconds: null, pageHash: hash(), cookieHash: hash() });
    const reload = async (pageHash: Buffer) => {
      const flow = await flows.ofPage(pageHash);
      if (!flow) throw new Error('the flow has no page');
      return flow;
    };
    async function parked() {
      const { stateHash } = await underWay();
      const took = await flows.take(stateHash);
      if (took.kind !== 'taken') throw new Error('not taken');
      const proofs = parking();
      expect(await flows.park(took.flow, proofs, event('flow.unbound'))).toBe(true);
      return { flow: took.flow, proofs };
    }

    it('are found by the confirm page with code and proofs', async () => {
      const { flow, proofs } = await parked();
      expect(await reload(proofs.pageHash)).toMatchObject({
        id: flow.id,
        status: 'parked',
        parkedCode: 'sealed-code',
        confirmCookieHash: proofs.cookieHash,
      });
    });

    it('are taken up again once', async () => {
      const { flow } = await parked();
      const tries = await Promise.all(Array.from({ length: 10 }, () => flows.unpark(flow)));
      expect(tries.filter(Boolean)).toHaveLength(1);
    });

    it('are not taken up once they have expired', async () => {
      const { flow } = await parked();
      await database.sql('update public.flows set expires_at = now() where id = $1', [flow.id]);
      expect(await flows.unpark(flow)).toBe(false);
    });

    it('cannot be parked before their state has come back', async () => {
      const { flow } = await underWay();
      const before = { ...flow, status: 'open', inputs: {}, endpoints, expiresAt: new Date() } as const;
      expect(await flows.park(before, parking(), event('flow.unbound'))).toBe(false);
      expect(await events(flow.orgId)).toEqual(['flow.started']);
    });

    it.each([
      ['is over ten seconds before its code', 60, 50],
      ['is over at its own end, where its code would live longer', 3_600, 600],
      ['is over at its own end, where nobody knows how long its code lives', null, 600],
    ])('%s', async (_what, lifeSeconds, leftSeconds) => {
      const { flow } = await taken();
      const whole = await flows.find(flow.orgId, flow.id);
      await flows.park(whole!, { ...parking(), lifeSeconds }, event('flow.unbound'));
      const [left] = await database.sql<{ seconds: number }>(
        'select extract(epoch from expires_at - created_at)::float8 as seconds from public.flows where id = $1',
        [flow.id],
      );
      // it was created a moment before it was parked
      expect(left?.seconds).toBeGreaterThanOrEqual(leftSeconds);
      expect(left?.seconds).toBeLessThan(leftSeconds + 30);
    });
  });

  describe('that a backend completes', () => {
    const waiting = () => ({ code: 'sealed-code' as Sealed, lifeSeconds: 60, handleHash: hash() });
    const whole = async ({ orgId, id }: Pick<NewFlow, 'orgId' | 'id'>) => {
      const flow = await flows.find(orgId, id);
      if (!flow) throw new Error('no such flow');
      return flow;
    };
    async function deferred() {
      const { flow, stateHash } = await underWay({ completion: 'deferred' });
      await flows.take(stateHash);
      const parked = waiting();
      expect(await flows.defer(await whole(flow), parked, event('flow.deferred'))).toBe(true);
      return { flow, parked };
    }

    it('park what came back, for a handle of which only the hash is kept', async () => {
      const { flow, parked } = await deferred();
      expect(await whole(flow)).toMatchObject({
        completion: 'deferred',
        status: 'parked',
        parkedCode: 'sealed-code',
        handleHash: parked.handleHash,
        confirmCookieHash: null,
      });
      expect(await row(flow.id)).toMatchObject({ page_hash: null });
      expect(await events(flow.orgId)).toEqual(['flow.started', 'flow.deferred']);
    });

    it('are found in their own org alone', async () => {
      const { flow } = await deferred();
      expect(await flows.find(randomUUID() as OrgId, flow.id)).toBeUndefined();
    });

    it('park what was typed into the page, which is over then', async () => {
      const pageHash = hash();
      const flow = aFlow({ completion: 'deferred' });
      await flows.begin(flow, { pageHash }, event('flow.started'));
      expect(await flows.defer(await whole(flow), waiting(), event('flow.deferred'))).toBe(true);
      expect(await flows.ofPage(pageHash)).toBeUndefined();
      expect(await flows.defer(await whole(flow), waiting(), event('flow.deferred'))).toBe(false);
    });

    it.each([
      ['before their state has come back', 'deferred', 'open', 60],
      ['once they have ended', 'deferred', 'refused', 60],
      ['where the browser completes them', 'browser', 'taken', 60],
      ['where their page has waited too long', 'deferred', 'awaiting_input', 0],
    ] as const)('park nothing %s', async (_what, completion, status, seconds) => {
      const { flow } = await underWay({ completion });
      await database.sql(
        'update public.flows set status = $2, expires_at = now() + make_interval(secs => $3) where id = $1',
        [flow.id, status, seconds],
      );
      expect(await flows.defer(await whole(flow), waiting(), event('flow.deferred'))).toBe(false);
      expect(await row(flow.id)).toMatchObject({ status, parked_code: null, handle_hash: null });
      expect(await events(flow.orgId)).toEqual(['flow.started']);
    });

    it('keep the hash of their handle once they are over, and no code', async () => {
      const { flow, parked } = await deferred();
      await flows.refuse(flow, event('flow.user_mismatch'));
      expect(await row(flow.id)).toMatchObject({
        status: 'refused',
        parked_code: null,
        handle_hash: parked.handleHash,
      });
    });
  });

  describe('that nobody brings to an end', () => {
    const worker = { type: 'worker', id: 'refresh-worker' } as const;
    let refresher: FlowRepository;
    beforeAll(async () => {
      refresher = new FlowRepository(await database.as('refreshWorker'));
    });
    afterEach(() => database.sql('delete from public.flows'));

    /** A flow with all that one can keep, whose time was over so long ago. */
    async function since(seconds: number, status: string): Promise<NewFlow> {
      const { flow } = await underWay();
      await database.sql(
        `update public.flows set status = $2, expires_at = now() - make_interval(secs => $3), parked_code = 'sealed-code',
           confirm_cookie_hash = cookie_hash where id = $1`,
        [flow.id, status, seconds],
      );
      return flow;
    }

    it.each(['awaiting_input', 'open', 'taken', 'parked'])(
      'are ended without their secrets where they are %s',
      async (was) => {
        const flow = await since(61, was);
        const { id, orgId } = flow;
        expect(await refresher.overdue(10)).toEqual([{ id, orgId }]);
        expect(await refresher.abandon(flow, worker)).toBe(true);
        expect(await row(id)).toMatchObject({
          status: 'abandoned',
          verifier: null,
          parked_code: null,
          confirm_cookie_hash: null,
        });
        const told = await database.sql(
          'select name, provider, actor_id, detail from public.audit_events where org_id = $1 order by seq desc limit 1',
          [orgId],
        );
        expect(told).toEqual([
          { name: 'flow.abandoned', provider: 'notion', actor_id: 'refresh-worker', detail: { flow: id, was } },
        ]);
        expect(await refresher.overdue(10)).toEqual([]);
        expect(await refresher.abandon(flow, worker)).toBe(false);
        expect(await events(orgId)).toEqual(['flow.started', 'flow.abandoned']);
      },
    );

    it.each([
      [30, 'open'],
      [30, 'parked'],
      [-60, 'parked'],
      [3_600, 'completed'],
      [3_600, 'refused'],
      [3_600, 'cancelled'],
      [3_600, 'abandoned'],
    ])('stay as they are %d seconds after their time where they are %s', async (seconds, status) => {
      const flow = await since(seconds, status);
      expect(await refresher.overdue(10)).toEqual([]);
      expect(await refresher.abandon(flow, worker)).toBe(false);
      expect(await row(flow.id)).toMatchObject({ status, parked_code: 'sealed-code' });
      expect(await events(flow.orgId)).toEqual(['flow.started']);
    });

    it('are found the longest overdue first, and ended in their own org alone', async () => {
      const [late, later] = [await since(120, 'open'), await since(3_600, 'parked')];
      expect((await refresher.overdue(10)).map(({ id }) => id)).toEqual([later.id, late.id]);
      expect((await refresher.overdue(1)).map(({ id }) => id)).toEqual([later.id]);
      expect(await refresher.abandon({ id: late.id, orgId: later.orgId }, worker)).toBe(false);
      expect(await row(late.id)).toMatchObject({ status: 'open' });
    });

    it('are over for a release before as well, if one goes back to it', async () => {
      const own = await cloneDatabase();
      const owner = await migrationDataSource(own.adminUrl).initialize();
      const runner = owner.createQueryRunner();
      const migration = new AbandonFlows1795393610000();
      try {
        await own.sql(
          `insert into public.flows (id, org_id, provider, started_by, status, return_url, client_id, cookie_hash, expires_at)
           values (gen_random_uuid(), gen_random_uuid(), 'notion', 'ada', 'abandoned', 'https://a.example', 'c', 'x', now())`,
        );
        await migration.down(runner);
        expect(await own.sql('select status from public.flows')).toEqual([{ status: 'refused' }]);
        const forced = () => own.sql("select 1 from pg_class where relname = 'flows' and relforcerowsecurity");
        expect(await forced()).toHaveLength(1);
        await migration.up(runner);
        expect(await forced()).toHaveLength(1);
      } finally {
        await runner.release();
        await owner.destroy();
        await own.drop();
      }
    });

    it('are ended by one of two workers that find them at once', async () => {
      const flow = await since(120, 'parked');
      const ends = await Promise.all([refresher.abandon(flow, worker), refresher.abandon(flow, worker)]);
      expect(ends.sort()).toEqual([false, true]);
      expect(await events(flow.orgId)).toEqual(['flow.started', 'flow.abandoned']);
    });
  });

  describe('that end', () => {
    it('lose their secrets, with the event that says why', async () => {
      const { flow } = await taken();
      await flows.refuse(flow, event('flow.denied'));
      expect(await row(flow.id)).toMatchObject({
        status: 'refused',
        verifier: null,
        parked_code: null,
        confirm_cookie_hash: null,
      });
      expect(await events(flow.orgId)).toEqual(['flow.started', 'flow.denied']);
    });

    it('are completed once, and only after their state has come back', async () => {
      const complete = (orgId: OrgId, id: FlowId) => gateway.withOrg(orgId, (manager) => completeFlow(manager, id));
      const { flow } = await taken();
      const tries = await Promise.all(Array.from({ length: 10 }, () => complete(flow.orgId, flow.id)));
      expect(tries.filter(Boolean)).toHaveLength(1);
      const early = await underWay();
      expect(await complete(early.flow.orgId, early.flow.id)).toBe(false);
    });

    it('are not completed once their org has disconnected: nothing may be stored', async () => {
      const { flow } = await taken();
      await gateway.withOrg(flow.orgId, (manager) =>
        manager.query("select * from hub.disconnect($1, false, 'disconnect')", [flow.provider]),
      );
      expect((await row(flow.id))?.status).toBe('cancelled');
      expect(await gateway.withOrg(flow.orgId, (manager) => completeFlow(manager, flow.id))).toBe(false);
    });

    it('stay ended, whatever is said of them later', async () => {
      const { flow } = await taken();
      await gateway.withOrg(flow.orgId, (manager) => completeFlow(manager, flow.id));
      await flows.refuse(flow, event('flow.denied'));
      expect((await row(flow.id))?.status).toBe('completed');
    });
  });
});
