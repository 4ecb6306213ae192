import { endsGrant, type Failure } from '@hub/domain';
import type { OutboundClient, OutboundOutcome, WireAnswer } from '@hub/outbound';
import { OAuthClient, ProviderRegistry, speaksOAuth, type Conversation } from '@hub/providers';
import fc from 'fast-check';

const credentials = { clientId: 'client', clientSecrets: ['secret'] } as const;
const settings = { credentials, scopes: null, endpoints: {} };
const ids = new ProviderRegistry({}).all().map(({ definition }) => definition.id);
const registry = new ProviderRegistry(Object.fromEntries(ids.map((id) => [id, settings])));

/** Bodies nobody would send: any JSON, the true members with wrong content, text, pages. */
const words = fc.constantFrom('invalid_grant', 'invalid_client', 'access_denied', 'bearer', '', '__proto__');
const member = fc.oneof(words, fc.jsonValue(), fc.double(), fc.string({ maxLength: 50 }));
const names = fc.constantFrom(
  ...['access_token', 'refresh_token', 'token_type', 'expires_in', 'scope', 'error', 'error_description', 'code'],
  ...['errors', 'extensions', 'data', 'additional_data', 'error_subtype', '__proto__', 'constructor'],
);
const body = fc.oneof(
  fc.json(),
  fc.dictionary(names, member).map((value) => JSON.stringify(value)),
  fc.string(),
  fc.constant('<html><title>Oauth error invalid_grant</title></html>'),
  fc.constant(`{"a":${'['.repeat(10_000)}`),
);
const status = fc.oneof(
  fc.integer({ min: 200, max: 999 }),
  fc.constantFrom(200, 302, 400, 401, 403, 404, 429, 500, 503),
);
const headers = fc.record(
  {
    'content-type': fc.constantFrom('text/html', 'application/json', ''),
    'retry-after': fc.oneof(fc.string(), fc.constantFrom('1', '2.0', '-1', 'Sun, 22 Nov 2026 10:00:00 GMT')),
    date: fc.string(),
  },
  { requiredKeys: [] },
);
const anyAnswer: fc.Arbitrary<WireAnswer> = fc.record({ status, headers, text: body }).map((answer) => ({
  ...answer,
  json: parse(answer.text),
}));
const conversations: readonly Conversation[] = ['exchange', 'refresh', 'revoke', 'api'];

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function over(outcome: OutboundOutcome): OAuthClient {
  return new OAuthClient({ send: () => Promise.resolve(outcome) } as unknown as OutboundClient);
}

describe.each(
  registry
    .all()
    .filter(speaksOAuth)
    .map((provider) => [provider.definition.id, provider] as const),
)('the readers of %s', (_id, provider) => {
  const { definition } = provider;
  const inputs = Object.fromEntries(
    definition.inputs.map((input) => [input.name, input.normalise(input.example) ?? '']),
  );
  const endpoints = provider.endpointsFor(inputs);
  const page = (pageStatus: number): WireAnswer => ({
    status: pageStatus,
    headers: { 'content-type': 'text/html' },
    text: '<h1>invalid_grant: this request requires an active refresh_token</h1>',
    json: undefined,
  });

  async function refreshOver(outcome: OutboundOutcome): Promise<Failure> {
    const answer = await over(outcome).refresh(provider, endpoints, 'refresh-token');
    if (answer.ok) throw new Error('this was no grant');
    return answer.failure;
  }

  it('never throw, whatever comes', () => {
    fc.assert(
      fc.property(anyAnswer, (answer) => {
        for (const conversation of ['exchange', 'refresh'] as const) definition.readGrant(answer, conversation);
        for (const conversation of conversations) definition.readFailure(answer, conversation);
        definition.revoke.isAlreadyRevoked?.(answer);
      }),
      { numRuns: 500 },
    );
  });

  it('give out no grant that could not be sent on', () => {
    fc.assert(
      fc.property(anyAnswer, fc.constantFrom('exchange', 'refresh'), (answer, conversation) => {
        const reading = definition.readGrant(answer, conversation);
        if (!reading.ok) return;
        const { accessToken, refreshToken, expiresInSeconds } = reading.grant;
        for (const token of [accessToken, refreshToken ?? 'none']) expect(token).toMatch(/^[\x21-\x7e]{1,8192}$/);
        expect(expiresInSeconds === null || (expiresInSeconds > 0 && expiresInSeconds < 4e8)).toBe(true);
      }),
      { numRuns: 500 },
    );
  });

  it('keep the tokens of a refresh whatever is odd beside them', () => {
    const tokens = { access_token: 'at', refresh_token: 'rt' };
    const beside = fc.dictionary(names, member).map((odd) => ({ ...odd, ...tokens }));
    fc.assert(
      fc.property(beside, (json) => {
        const answer = { status: 200, headers: {}, text: JSON.stringify(json), json };
        expect(definition.readGrant(answer, 'refresh')).toMatchObject({
          ok: true,
          grant: { accessToken: 'at', refreshToken: 'rt' },
        });
      }),
    );
  });

  it('repeat nothing of an answer but fixed words', async () => {
    const secret = fc.stringMatching(/^canary[0-9a-f]{16}$/);
    await fc.assert(
      fc.asyncProperty(secret, fc.integer({ min: 200, max: 599 }), names, async (canary, httpStatus, name) => {
        const json = { [name]: canary, error: canary, code: canary, errors: [{ reason: canary, message: canary }] };
        const answer = { status: httpStatus, headers: {}, text: JSON.stringify(json), json };
        const client = over({ kind: 'answer', answer });
        const told = [
          await client.refresh(provider, endpoints, canary),
          await client.exchange(provider, endpoints, {
            code: canary,
            redirectUri: 'https://h.example',
            verifier: canary,
          }),
          await client.api(provider, endpoints, canary).get('/x'),
        ].filter((outcome) => !outcome.ok);
        expect(JSON.stringify(told)).not.toContain('canary');
      }),
    );
  });

  it('do not end a grant by what is not the word of the provider', async () => {
    const pages = [302, 400, 401, 403, 404, 429, 500, 502, 503, 504, 520, 529].map((code): OutboundOutcome => ({
      kind: 'answer',
      answer: page(code),
    }));
    const silence: OutboundOutcome[] = [
      { kind: 'not_sent', reason: 'refused' },
      { kind: 'no_answer', reason: 'timeout' },
      { kind: 'no_answer', reason: 'too_large' },
      { kind: 'answer', answer: { status: 200, headers: {}, text: '', json: undefined } },
      { kind: 'answer', answer: { status: 400, headers: {}, text: '', json: undefined } },
    ];
    const wordy = [429, 500, 503].map((code): OutboundOutcome => {
      const json = { error: 'invalid_grant', error_description: 'This request requires an active refresh_token' };
      return { kind: 'answer', answer: { status: code, headers: {}, text: JSON.stringify(json), json } };
    });
    for (const outcome of [...pages, ...silence, ...wordy]) {
      const failure = await refreshOver(outcome);
      expect([outcome, endsGrant(failure)]).toEqual([outcome, false]);
    }
  });

  it('blame a wrong secret on the hub', async () => {
    const json = { error: 'invalid_client' };
    const outcome: OutboundOutcome = { kind: 'answer', answer: { status: 401, headers: {}, text: '', json } };
    expect(await refreshOver(outcome)).toMatchObject({ kind: 'ours', code: 'provider_misconfigured' });
  });

  it('know a dead grant by the word of RFC 6749 too', async () => {
    const json = { error: 'invalid_grant' };
    const outcome: OutboundOutcome = { kind: 'answer', answer: { status: 400, headers: {}, text: '', json } };
    expect(endsGrant(await refreshOver(outcome))).toBe(true);
  });

  it('read metadata out of anything without a throw', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(anyAnswer, { minLength: 3, maxLength: 3 }), async (answers) => {
        let turn = 0;
        const wire = {
          send: () => Promise.resolve({ kind: 'answer', answer: answers[turn++ % answers.length] }),
        } as unknown as OutboundClient;
        const api = new OAuthClient(wire).api(provider, endpoints, 'access-token');
        await definition.metadata({ api, inputs, known: {} });
        await definition.identify?.(api);
        await definition.probe?.(api);
      }),
    );
  });
});
