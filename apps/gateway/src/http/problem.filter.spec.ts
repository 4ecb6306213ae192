import { DatabaseBusy, OrgForgotten } from '@hub/database';
import type { OrgId } from '@hub/domain';
import { HubLogger } from '@hub/telemetry';
import { KeyUnavailable } from '@hub/token-vault';
import type { DenialsService } from '../callers/denials.service';
import type { HubReply, HubRequest } from './hub-request';
import { ProblemFilter } from './problem.filter';

const DENIALS = {
  record: () => {
    throw new Error('nothing was denied');
  },
} as unknown as DenialsService;

/** Answers a request with an error. */
function answerTo(error: unknown, relayed: Readonly<Record<string, string>> = {}) {
  const headers: Record<string, string> = { 'x-request-id': 'a-request', ...relayed };
  const sent: { status?: number; body?: Record<string, unknown> } = {};
  const reply = {
    header(name: string, value: string) {
      headers[name] = value;
      return reply;
    },
    removeHeader(name: string) {
      delete headers[name];
      return reply;
    },
    status(status: number) {
      sent.status = status;
      return reply;
    },
    send(body: Buffer) {
      sent.body = JSON.parse(body.toString('utf8'));
    },
  };
  const request = {
    id: 'a-request',
    method: 'GET',
    ip: '127.0.0.1',
    routeOptions: { url: '/', config: {} },
    relayedHeaders: Object.keys(relayed),
  };
  const filter = new ProblemFilter(HubLogger.forApp('test', 'silent'), DENIALS);
  filter.answer(error, request as unknown as HubRequest, reply as unknown as HubReply);
  return { ...sent, headers };
}

it('a key provider that is away is 503 with Retry-After, and no word about the token', () => {
  const { status, body, headers } = answerTo(new KeyUnavailable('local'));
  expect(status).toBe(503);
  expect(headers['retry-after']).toBe('5');
  expect(body).toMatchObject({ code: 'provider_unavailable', title: 'The hub’s key provider cannot be reached' });
  expect(body?.['detail']).toMatch(/the token itself is not to blame/);
});

it('a pool that is lent out is 503 with Retry-After, and no word of a provider or of the database', () => {
  const { status, body, headers } = answerTo(new DatabaseBusy({ cause: new Error('canary') }));
  expect(status).toBe(503);
  expect(headers['retry-after']).toBe('2');
  expect(body).toMatchObject({ code: 'provider_unavailable', title: 'The hub is busy' });
  expect(JSON.stringify(body)).not.toContain('canary');
});

it('an org that is forgotten is told so, and nothing of the reason that the database gave', () => {
  const { status, body } = answerTo(new OrgForgotten('an-org' as OrgId, { cause: new Error('canary') }));
  expect([status, body]).toEqual([403, expect.objectContaining({ code: 'forbidden', title: 'This org is forgotten' })]);
  expect(body?.['fix']).toBe('Use another org: this one cannot come back.');
  expect(JSON.stringify(body)).not.toContain('canary');
});

it('what nobody expected is 500, and its words stay in the log', () => {
  const { status, body } = answerTo(new Error('canary'));
  expect(status).toBe(500);
  expect(JSON.stringify(body)).not.toContain('canary');
});

it('a problem in place of an answer that was to be relayed has no header of that', () => {
  const { status, headers } = answerTo(new Error('cut'), {
    'hub-answer': 'provider',
    'content-encoding': 'gzip',
    etag: '"1"',
  });
  expect([status, headers]).toEqual([
    500,
    { 'x-request-id': 'a-request', 'cache-control': 'no-store', 'content-type': 'application/problem+json' },
  ]);
});
