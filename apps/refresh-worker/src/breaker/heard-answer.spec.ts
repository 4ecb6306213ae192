import { failure, type Failure } from '@hub/domain';
import type { RefreshAnswer } from '../refresh/refresh-answer';
import { closes, held, isVerdict, reasonOf, wordOf } from './heard-answer';

const refused = (refusal: Failure) => ({ kind: 'refused', failure: refusal, doubt: null }) as const;
const works: RefreshAnswer = { kind: 'works' };
const dead = refused(failure('invalid_grant', 'invalid_grant'));
const down = refused(failure('provider_unavailable', 'http_503'));
const refusedClient = refused(failure('provider_misconfigured', 'invalid_client'));
const refusedShop = refused(failure('provider_misconfigured', 'shop_not_permitted', { concerns: 'integration' }));

test.each<[string, RefreshAnswer, string]>([
  ['a working token', works, 'well'],
  ['a dead grant', dead, 'well'],
  ['an outage', down, 'sick'],
  ['a refused client', refusedClient, 'sick'],
  ['a throttle', refused(failure('rate_limited', 'http_429')), 'silent'],
  ['a call that was never made', { kind: 'not_asked' }, 'silent'],
  ['a key provider that is away', { kind: 'key_away' }, 'silent'],
  ['a credential that does not open', { kind: 'unopened', reason: 'x' }, 'silent'],
  ['what the hub failed at', { kind: 'failed_here', failure: failure('internal', 'x'), standing: null }, 'silent'],
  ['a shop that is refused', refusedShop, 'silent'],
])('%s says that its provider is %3$s', (_name, answer, word) => expect(wordOf(answer)).toBe(word));

test('a dead grant ends an outage, but not a mass of verdicts, and neither does a token that works at the API', () => {
  expect(closes('outage', dead)).toBe(true);
  expect(closes('mass_verdict', dead)).toBe(false);
  expect(closes('mass_verdict', works)).toBe(false);
  expect(closes('outage', works)).toBe(true);
  expect(closes('refused_client', refusedClient)).toBe(false);
  expect(closes('refused_client', refusedShop)).toBe(false);
});

test('the reason tells our own registration from an outage', () => {
  expect(reasonOf(refusedClient)).toBe('refused_client');
  expect(reasonOf(down)).toBe('outage');
});

test('only a dead grant is a verdict, and a held one costs nobody a connection', () => {
  expect([dead, down, works].map(isVerdict)).toEqual([true, false, false]);
  expect(isVerdict(held(dead))).toBe(false);
});
