import { HubError, PROBLEMS, type ProblemCode } from '@hub/domain';
import { problemBytes, problemDocument, problemOfStatus } from './problem-document';

const ID = '9f1c2a34-0000-4000-8000-000000000000';

describe('a problem', () => {
  it('has every member of the contract', () => {
    expect(problemDocument(new HubError('not_connected', 'There is none.'), ID)).toEqual({
      type: 'urn:hub:problem:not_connected',
      title: 'Not connected',
      status: 404,
      code: 'not_connected',
      detail: 'There is none.',
      fix: PROBLEMS.not_connected.fix,
      instance: `urn:uuid:${ID}`,
    });
  });

  it('takes status, title and more members of the occasion', () => {
    const error = new HubError('reauth_required', 'Refused.', {
      title: 'Token refresh failed',
      extensions: { failure: { code: 'invalid_grant' } },
    });
    expect(problemDocument(error, ID)).toMatchObject({
      title: 'Token refresh failed',
      status: 409,
      failure: { code: 'invalid_grant' },
    });
  });

  it('tells nothing of its cause', () => {
    const error = new HubError('internal', 'Sorry.', { cause: new Error('the secret is 42') });
    expect(problemBytes(error, ID).toString()).not.toContain('42');
  });

  it.each(Object.keys(PROBLEMS) as ProblemCode[])('%s has a title, a status and a way out', (code) => {
    const document = problemDocument(new HubError(code, 'Detail.'), ID);
    expect(document.title).not.toBe('');
    expect(document.fix).not.toBe('');
    expect(document.status).toBeGreaterThanOrEqual(400);
    expect(JSON.parse(problemBytes(new HubError(code, 'Detail.'), ID).toString())).toEqual(document);
  });
});

describe('a status that the server has found by itself', () => {
  it.each([400, 405, 413, 414, 415])('%i is an invalid request', (status) => {
    expect(problemOfStatus(status)).toMatchObject({ code: 'invalid_request', status });
  });

  it('404 is not_found, and others are no problem that is known', () => {
    expect(problemOfStatus(404)).toMatchObject({ code: 'not_found', status: 404 });
    expect(problemOfStatus(500)).toBeUndefined();
    expect(problemOfStatus(418)).toBeUndefined();
  });
});
