import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import {
  type CallIdentity,
  commonDefaults,
  commonSettings,
  defineSandbox,
  type SandboxDesk,
} from '../../sandbox/sandbox-provider.sandbox';
import { htmlPage, json, type WireAnswer, type WireRequest } from '../../sandbox/wire.sandbox';

/**
 * Zapier's webhook doors: no OAuth, the URL is the credential. A catch hook says success whatever becomes of the Zap;
 * a standard hook (REST-hook subscription) answers 410 once its Zap is off.
 * https://docs.zapier.com/platform/build/hook-trigger
 */

const zapierSettings = commonSettings.extend({
  /** State of a standard hook: on, gone (410), or gone as before May 2024 (404 and a request to unsubscribe). */
  hookState: z.enum(['on', 'gone', 'gone_legacy']),
  /** Largest body that is taken, in bytes; more is 413. */
  maxBodyBytes: z.number().int().positive(),
});
type ZapierSettings = z.infer<typeof zapierSettings>;
type Desk = SandboxDesk<ZapierSettings>;

const CATCH_RAW_HOOK_BYTES = 2 * 1024 * 1024;
const METHODS = ['POST', 'PUT', 'GET'];

/** `{user}/{hook}`, or `{hook}` for the old URLs that name no user. */
function hookOf(request: WireRequest): string {
  const { user, hook = '' } = request.params;
  return user === undefined ? hook : `${user}/${hook}`;
}

function accepted(): WireAnswer {
  return json(200, { attempt: randomUUID(), id: randomUUID(), request_id: randomUUID(), status: 'success' });
}

/** Writes the delivery down, whatever is answered to it. */
function take(request: WireRequest, desk: Desk, answer: WireAnswer): WireAnswer {
  const headers = Object.entries(request.headers).flatMap(([name, value]) =>
    value === undefined ? [] : [[name, value]],
  );
  const query = request.query.toString();
  desk.keepDelivery({
    account: hookOf(request),
    method: request.method,
    path: query === '' ? request.path : `${request.path}?${query}`,
    headers: Object.fromEntries(headers) as Record<string, string>,
    body: request.body,
    status: answer.status,
  });
  return answer;
}

function tooLarge(request: WireRequest, desk: Desk): WireAnswer | undefined {
  const { maxBodyBytes } = desk.settings(hookOf(request));
  if (Buffer.byteLength(request.body) <= maxBodyBytes) return undefined;
  return json(413, { status: 'error', errors: ['Payload too large.'] });
}

function answerCatch(request: WireRequest, desk: Desk): WireAnswer {
  return take(request, desk, tooLarge(request, desk) ?? accepted());
}

function answerSilent(request: WireRequest, desk: Desk): WireAnswer {
  return take(request, desk, tooLarge(request, desk) ?? { status: 200, body: '' });
}

function answerStandard(request: WireRequest, desk: Desk): WireAnswer {
  const hook = hookOf(request);
  const { hookState } = desk.settings(hook);
  if (request.method === 'DELETE') {
    desk.changeSettings(hook, { hookState: hookState === 'gone_legacy' ? 'gone_legacy' : 'gone' });
    return take(request, desk, json(200, { status: 'success' }));
  }
  if (hookState === 'gone') return take(request, desk, json(410, { status: 'error', errors: ['Gone'] }));
  if (hookState === 'gone_legacy') {
    return take(request, desk, {
      status: 404,
      body: 'Please unsubscribe me!',
      headers: { 'content-type': 'text/plain' },
    });
  }
  return take(request, desk, tooLarge(request, desk) ?? accepted());
}

const identify = (request: WireRequest): CallIdentity => ({ endpoint: 'api', account: hookOf(request) });

export const sandbox = defineSandbox<ZapierSettings>({
  id: 'zapier',
  label: 'Zapier',
  credentials: null,
  defaults: {
    ...commonDefaults,
    account: '1/abc',
    apiLimit: { calls: 30, perSeconds: 1 },
    hookState: 'on',
    maxBodyBytes: CATCH_RAW_HOOK_BYTES,
  },
  readSettings: (candidate) => zapierSettings.parse(candidate),
  endpoints: (base) => ({ apiBaseUrl: base }),
  accountId: (account) => account,
  usualScopes: [],
  mint: { code: randomUUID, accessToken: randomUUID, refreshToken: randomUUID, details: () => ({}) },
  consent: null,
  routes: [
    {
      name: 'catch_silent',
      methods: METHODS,
      path: '/hooks/catch/:user(^\\d+)/:hook/silent',
      identify,
      handle: answerSilent,
    },
    { name: 'catch', methods: METHODS, path: '/hooks/catch/:user(^\\d+)/:hook', identify, handle: answerCatch },
    { name: 'catch_old_silent', methods: METHODS, path: '/hooks/catch/:hook/silent', identify, handle: answerSilent },
    { name: 'catch_old', methods: METHODS, path: '/hooks/catch/:hook', identify, handle: answerCatch },
    {
      name: 'standard',
      methods: [...METHODS, 'DELETE'],
      path: '/hooks/standard/:user/:hook',
      identify,
      handle: answerStandard,
    },
  ],
  // No Retry-After is documented, so none is sent.
  rateLimited: () => json(429, { status: 'error', errors: ['Rate limit exceeded.'] }),
  failure: ({ status }) => json(status, { status: 'error', errors: ['Something went wrong.'] }),
  unknownPath: () => htmlPage(404, 'Not Found'),
  onRevoke: (account, desk) => desk.changeSettings(account, { hookState: 'gone' }),
});
