import { ANYONES } from '../support/accounts';
import type { Caller } from '../support/caller';
import { eventually } from '../support/eventually';
import { formOn } from '../support/page-form';
import { codeOf, parametersOf } from '../support/person';
import { Stack } from '../support/stack';
import { VaultTransitServer } from '../support/vault-transit-server';

/** The gateway as a process, whose data keys Vault wraps. */
const TOKEN = 's.of-the-gateway-0123456789';
const vault = new VaultTransitServer();
let hub: Stack;

beforeAll(async () => {
  await vault.start();
  vault.tokens.add(TOKEN);
  hub = await Stack.start({
    apps: ['gateway'],
    env: { KEY_PROVIDER: 'vault-transit', VAULT_ADDR: vault.url, VAULT_TOKEN: TOKEN },
  });
});
afterAll(async () => {
  await hub.stop();
  await vault.stop();
});
afterEach(async () => {
  vault.state = 'well';
  await vault.start().catch(() => undefined); // it stands already
});

async function connected(): Promise<Caller> {
  const caller = hub.as();
  const { order, choices } = ANYONES.google_drive();
  await hub.connect(caller, order, choices);
  return caller;
}

const keysOf = (caller: Caller) =>
  hub.database.rows<{ key_provider: string; wrapping_key_id: string; wrapped_key: string }>(
    'select key_provider, wrapping_key_id, wrapped_key from public.data_keys where org_id = $1 order by purpose desc',
    [caller.claims.org],
  );

/** A connect of an org that has no key yet. */
const begins = () => hub.as().begin(ANYONES.google_drive().order);

describe('a hub whose data keys Vault wraps', () => {
  it('keeps nothing that opens without Vault', async () => {
    const caller = await connected();
    const byVault = {
      key_provider: 'vault-transit',
      wrapping_key_id: 'hub-data-keys:v1',
      wrapped_key: expect.stringMatching(/^vault:v1:/),
    };
    expect(await keysOf(caller)).toEqual([byVault, byVault]); // of the tokens, and of the trail
  });

  it('wraps a new org’s key by the newest version, and opens the older ones', async () => {
    const older = await connected();
    vault.rotate('hub-data-keys');
    const newer = await connected();
    expect((await keysOf(newer))[0]?.wrapping_key_id).toMatch(/:v[2-9]$/);
    for (const caller of [older, newer]) expect((await caller.token('google_drive')).status).toBe(200);
  });

  it.each([
    ['is gone', () => vault.stop(), () => vault.start()],
    ['is sealed', () => void (vault.state = 'sealed'), () => void (vault.state = 'well')],
    ['takes the token no more', () => void vault.tokens.delete(TOKEN), () => void vault.tokens.add(TOKEN)],
  ])(
    'serves the orgs that it knows while Vault %s, lets the others wait, and recovers by itself',
    async (_how, goes, comes) => {
      const known = await connected();
      expect((await known.token('google_drive')).status).toBe(200);
      await goes();
      const refused = await begins();
      expect([refused.status, codeOf(refused)]).toEqual([503, 'provider_unavailable']);
      expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
      expect((await known.token('google_drive')).status).toBe(200);
      await comes();
      await eventually('a connect of a new org', async () => (await begins()).status === 200);
      const fresh = await connected();
      for (const caller of [known, fresh]) expect((await caller.token('google_drive')).status).toBe(200);
    },
  );

  it('writes neither Vault’s token nor a key into its log', () => {
    const log = hub.process('gateway').lines.join('\n');
    expect(log).toContain('hub.keys.unavailable');
    expect(log).not.toContain(TOKEN);
    expect(log).not.toMatch(/vault:v\d/);
  });

  it('lets a code wait that cannot be opened while Vault is away: button and handle work once it is back', async () => {
    const { order, choices } = ANYONES.google_drive();
    const [pressing, calling] = [hub.as(), hub.as()];
    const [starter, other, ofBackend] = [hub.person(), hub.person(), hub.person()];
    const callback = await starter.consents(await starter.starts(pressing, order), choices);
    const page = (await other.get(callback)).headers.get('location') ?? '';
    const fields = formOn(await (await other.get(page)).text())?.fields ?? [];
    const deferred = await ofBackend.starts(calling, { ...order, completion: 'deferred' });
    const { flow, handle } = parametersOf((await ofBackend.opens(deferred, choices)).sentTo ?? '');

    await hub.restart('gateway'); // no key is at hand any more
    vault.state = 'sealed';
    const refused = await calling.complete({ flow, handle });
    expect([refused.status, codeOf(refused)]).toEqual([503, 'provider_unavailable']);
    expect((await other.post(page, fields)).status).toBe(503);
    vault.state = 'well';
    await eventually('the handle to work', async () => (await calling.complete({ flow, handle })).status === 200);
    await eventually('the button to work', async () => (await other.post(page, fields)).status === 303);
    for (const caller of [pressing, calling]) expect((await caller.token('google_drive')).status).toBe(200);
  });
});
