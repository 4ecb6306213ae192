import { ANYONES } from '../support/accounts';
import { eventually } from '../support/eventually';
import { Stack, type AppName } from '../support/stack';

/**
 * Every conversation with a token endpoint, as the sandbox has heard it, has exactly one record that it started and one of
 * how it ended.
 */
const RECORDS = {
  exchange: { started: 'hub.grant.exchange_started', ended: ['hub.grant.exchanged', 'hub.grant.failed'] },
  refresh: { started: 'hub.refresh.started', ended: ['hub.refresh.succeeded', 'hub.refresh.failed'] },
  revoke: { started: 'hub.revocation.started', ended: ['hub.token.revoked', 'hub.revocation.failed'] },
} as const;

type LogRecord = Readonly<Record<string, unknown>>;

let hub: Stack;
beforeAll(async () => {
  hub = await Stack.start({ env: { LOG_LEVEL: 'info' } });
});
afterAll(() => hub.stop());

/** Records of one name about an org, in the log of an app. */
function recordsOf(app: AppName, org: string, names: readonly string[]): LogRecord[] {
  return hub
    .process(app)
    .lines.flatMap((line): LogRecord[] => (line.startsWith('{') ? [JSON.parse(line) as LogRecord] : []))
    .filter((record) => record['org'] === org && names.includes(String(record['event.name'])));
}

it('has one record of its start and one of its end, through a connect, refreshes good and bad, and a revocation', async () => {
  const caller = hub.as();
  const { org } = caller.claims;
  const account = ANYONES.google_drive();
  const person = hub.person();
  const authUrl = await person.starts(caller, account.order);
  await person.opens(await person.consents(authUrl, account.choices));
  await hub.event(caller, 'integration.connected');
  await caller.refresh('google_drive');
  await hub.event(caller, 'refresh.succeeded');
  const heal = await hub.sandbox.fault('google_drive', {
    on: 'refresh',
    kind: 'status',
    status: 503,
    account: account.name,
  });
  await caller.refresh('google_drive');
  await hub.event(caller, 'refresh.failed');
  await heal();
  await caller.disconnect('google_drive');
  await hub.event(caller, 'revocation.succeeded');

  const heard = (await hub.sandbox.log({ provider: 'google_drive', account: account.name })).map(({ kind }) => kind);
  for (const [kind, app] of [
    ['exchange', 'gateway'],
    ['refresh', 'refresh-worker'],
    ['revoke', 'refresh-worker'],
  ] as const) {
    const started = () => recordsOf(app, org, [RECORDS[kind].started]);
    const ended = () => recordsOf(app, org, RECORDS[kind].ended);
    await eventually(`the end of each ${kind}`, () => Promise.resolve(ended().length === started().length));
    expect({ kind, started: started().length }).toEqual({ kind, started: kind === 'refresh' ? 2 : 1 });
    // what a fault has answered the sandbox does not count as a refresh
    expect(heard.filter((one) => one === kind).length).toBeLessThanOrEqual(started().length);
    for (const record of [...started(), ...ended()])
      expect(record).toMatchObject({
        provider: 'google_drive',
        org,
        attempt: expect.any(Number),
        time: expect.any(String),
      });
    for (const record of ended())
      expect(record).toMatchObject({ duration_ms: expect.any(Number), outcome: expect.any(String) });
  }
  expect(recordsOf('refresh-worker', org, ['hub.refresh.failed'])).toMatchObject([
    { 'error.type': 'provider_unavailable', outcome: 'transient' },
  ]);
});
