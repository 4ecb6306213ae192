import { HubProblem, isSignedOut, isUnreachable, readProblem } from './problem';

it('reads what the hub says', () => {
  const problem = readProblem(409, {
    code: 'reauth_required',
    detail: 'It is over.',
    fix: 'Connect again.',
    instance: 'urn:uuid:1',
  });
  expect(problem).toMatchObject({
    code: 'reauth_required',
    status: 409,
    detail: 'It is over.',
    fix: 'Connect again.',
    instance: 'urn:uuid:1',
  });
});

it('takes the page of a proxy for a hub that is away', () => {
  expect(isUnreachable(readProblem(503, undefined))).toBe(true);
  expect(isUnreachable(readProblem(503, { code: 'provider_unavailable', detail: 'x' }))).toBe(false);
});

it.each([undefined, 'text', null, { code: 5, detail: {} }])('makes something of %j', (body) => {
  expect(readProblem(500, body)).toMatchObject({ code: 'internal', detail: 'The hub answered 500.' });
});

it('tells a session that ended', () => {
  expect(isSignedOut(readProblem(401, { code: 'unauthorized', detail: '' }))).toBe(true);
  expect(isSignedOut(new HubProblem('unreachable', 0, ''))).toBe(false);
});
