import type { IntegrationId, OrgId, ProviderId, Sealed } from '@hub/domain';
import { answerName, formatAnswer, parseAnswer, type SpooledAnswer } from './spooled-answer';

const answer: SpooledAnswer = {
  orgId: '5d1b0c1e-0000-4000-8000-000000000001' as OrgId,
  integrationId: '5d1b0c1e-0000-4000-8000-000000000002' as IntegrationId,
  provider: 'any' as ProviderId,
  accountId: null,
  inputs: { shop: 'x.myshopify.com' },
  epoch: 7,
  claimedStatus: 'refresh_failing',
  grant: {
    accessToken: 'hub1.k1.aaaa' as Sealed,
    refreshToken: 'hub1.k1.bbbb' as Sealed,
    issuedAt: new Date('2026-11-22T12:00:00.123Z'),
    expiresAt: new Date('2026-11-22T13:00:00.123Z'),
    refreshExpiresAt: null,
    scope: 'read_products',
  },
  dataKey: {
    orgId: '5d1b0c1e-0000-4000-8000-000000000001' as OrgId,
    id: '5d1b0c1e-0000-4000-8000-000000000003',
    keyProvider: 'local',
    wrappingKeyId: 'k1',
    wrapped: 'hub1.k1.cccc',
  },
  answeredAt: new Date('2026-11-22T12:00:01Z'),
  doubt: { retry: 'none', lost: 'timeout' },
};

it('reads what it wrote', () => {
  expect(parseAnswer(formatAnswer(answer))).toEqual(answer);
});

it('reads what was written before there were data keys', () => {
  const { dataKey: _none, ...before } = answer;
  expect(parseAnswer(formatAnswer(before as SpooledAnswer))).toEqual({ ...before, dataKey: null });
});

it('reads what was written with a field for changed rights, and leaves that', () => {
  expect(parseAnswer(formatAnswer({ ...answer, rescoped: { missing: 'a' } } as SpooledAnswer))).toEqual(answer);
});

it('keeps apart what a grant does not say', () => {
  const silent = { ...answer, doubt: null, grant: { ...answer.grant, refreshToken: undefined, scope: undefined } };
  expect(parseAnswer(formatAnswer(silent))).toEqual(silent);
});

it('is named for its claim', () => expect(answerName(answer)).toBe(`${answer.integrationId}-7`));

it.each([
  ['half a file', formatAnswer(answer).slice(0, 100)],
  ['another format', formatAnswer(answer).replace('"format":1', '"format":2')],
  ['a token in the clear', formatAnswer(answer).replace('hub1.k1.aaaa', 'shpat_123')],
  ['more than it knows', formatAnswer(answer).replace('"epoch"', '"more":1,"epoch"')],
  ['nothing', ''],
])('does not read %s', (_what, text) => expect(parseAnswer(text)).toBeUndefined());
