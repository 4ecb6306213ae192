import { randomBytes, randomUUID } from 'node:crypto';
import { Stack } from '../support/stack';
import { AttackStand, OAUTH } from './support/attack-stand';

/** Attacks 1 to 5, 17 and 20 of the catalogue: states that are guessed, bent, used up or old. */
let hub: Stack;
let stand: AttackStand;
let badState: string;
beforeAll(async () => {
  hub = await Stack.start({ apps: ['gateway'] });
  stand = new AttackStand(hub);
  badState = await stand.pageOfBadState();
});
afterAll(() => hub.stop());

const guess = () => randomBytes(32).toString('base64url');

it('is tried against every provider with a callback', async () => {
  const { integrations } = (await hub.as().list()).body;
  expect(integrations.map(({ provider }) => provider).sort()).toEqual([...OAUTH, 'zapier'].sort());
});

describe.each(OAUTH)('at the callback of %s', (provider) => {
  /** Opens the callback with this query in a browser of its own. */
  const opened = async (query: string) =>
    stand.told(await hub.person().get(`${stand.callback(provider)}${query === '' ? '' : `?${query}`}`));

  const GUESSES: Record<string, () => string> = {
    'a random state': () => `code=x&state=${guess()}`,
    'an error with a random state': () => `error=access_denied&state=${guess()}`,
    'a token in the query': () => `access_token=x&state=${guess()}`,
  };
  it.each(Object.keys(GUESSES))('%s is unknown', async (what) => {
    const before = await stand.lastSystemSeq();
    let answer = '';
    expect(await stand.changedBy(async () => (answer = await opened(GUESSES[what]!())))).toEqual([]);
    expect(answer).toBe(badState);
    expect(await stand.systemEvent('flow.state_unknown', before)).toMatchObject({ provider });
  });

  const BENT: Record<string, () => string> = {
    'a user id': () => `code=x&state=${randomUUID()}`,
    'no query': () => '',
    'no state': () => 'code=x',
    'an empty state': () => 'code=x&state=',
    'two states': () => `code=x&state=${guess()}&state=${guess()}`,
    'a list of states': () => `code=x&state[]=${guess()}`,
    'ten kilobytes': () => `code=x&state=${'A'.repeat(10_240)}`,
    'a NUL': () => `code=x&state=${guess().slice(1)}%00`,
    'letters of another alphabet': () => `code=x&state=${encodeURIComponent('ä'.repeat(43))}`,
    'broken escapes': () => 'code=x&state=%E0%A4%A',
    padding: () => `code=x&state=${guess()}=`,
    'a space before it': () => `code=x&state=%20${guess()}`,
  };
  it.each(Object.keys(BENT))('%s is malformed', async (what) => {
    const before = await stand.lastSystemSeq();
    let answer = '';
    expect(await stand.changedBy(async () => (answer = await opened(BENT[what]!())))).toEqual([]);
    expect(answer).toBe(badState);
    expect(await stand.systemEvent('flow.state_malformed', before)).toMatchObject({ provider });
  });

  it('a state works once', async () => {
    const { caller, person, url } = await stand.atCallback(provider);
    await person.opens(url);
    let answer = '';
    expect(await stand.changedBy(async () => (answer = await stand.told(await person.get(url))))).toEqual([]);
    expect(answer).toBe(badState);
    await hub.event(caller, 'flow.state_replayed', { provider });
  });

  it('one of 50 callbacks at once goes on', async () => {
    const { account, caller, person, url } = await stand.atCallback(provider);
    const answers = await Promise.all(Array.from({ length: 50 }, () => person.get(url)));
    const through = answers.filter(({ status }) => status === 302);
    expect(through.map(({ headers }) => headers.get('location'))).toEqual([
      expect.stringContaining(`success=${provider}`),
    ]);
    const rest = await Promise.all(answers.filter(({ status }) => status !== 302).map((one) => stand.told(one)));
    expect(new Set(rest)).toEqual(new Set([badState]));
    expect(await hub.sandbox.log({ provider, account: account.name, kind: 'exchange' })).toHaveLength(1);
    expect((await caller.read(provider)).body.status).toBe('connected');
    await hub.event(caller, 'flow.state_replayed', { provider });
  });

  it('a state is too old after ten minutes by the clock of the database', async () => {
    const { caller, person, url } = await stand.atCallback(provider);
    await hub.database.rows(
      `update public.flows set expires_at = expires_at - interval '601 seconds' where org_id = $1`,
      [caller.claims.org],
    );
    let answer = '';
    const changed = await stand.changedBy(async () => (answer = await stand.told(await person.get(url))));
    expect(changed).toEqual([]);
    expect(answer).toBe(badState);
    await hub.event(caller, 'flow.state_expired', { provider });
  });

  it('a token in the query of a good state ends the flow', async () => {
    const { caller, person, url } = await stand.atCallback(provider);
    const answer = await stand.told(await person.get(`${url}&access_token=x`));
    expect(answer).toBe(badState);
    expect(await stand.told(await person.get(url))).toBe(badState);
    expect((await caller.read(provider)).body.status).toBe('not_connected');
    await hub.event(caller, 'flow.response_rejected', { provider });
  });

  it('a form in place of a query is not taken', async () => {
    const { caller, person, url } = await stand.atCallback(provider);
    const fields = [...new URL(url).searchParams] as [string, string][];
    let status = 0;
    const changed = await stand.changedBy(async () => {
      status = (await person.post(stand.callback(provider), fields)).status;
    });
    expect([status, changed]).toEqual([405, []]);
    expect((await caller.read(provider)).body.status).toBe('not_connected');
  });
});
