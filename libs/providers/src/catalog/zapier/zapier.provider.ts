import { createHash } from 'node:crypto';
import { failure, type Account, type Failure } from '@hub/domain';
import { defineProvider, type SendPace, type WireAnswer } from '../../provider-definition';
import { readUnusable } from '../../wire-failure';
import { readHookStatus } from './zapier.metadata';

const HOOK_ORIGIN = 'https://hooks.zapier.com';
const HOOK_PATH = /^\/hooks\/(?:catch\/\d+\/[\w-]+|catch\/[\w-]+|standard\/\d+\/[\w-]+)(?:\/silent)?\/?$/;
const LONGEST_URL = 512;
/** The user's number in a URL, which all of the user's hooks share; the oldest URLs have none. */
const HOOK_USER = /^https:\/\/[^/]+\/hooks\/(?:catch|standard)\/(\d+)\/(?!silent\/?$)[^/]/;

/**
 * Below the limits of https://help.zapier.com/hc/en-us/articles/29972220283789-Webhooks-by-Zapier-rate-limits, of which
 * several editions are about: 30 in a second for each URL, 10,000 in five minutes for each user; of a URL without a user
 * 1,000 in five minutes. Burst and intervals together stay below these in any stretch of that length.
 */
const PACE_OF_URL = { burst: 1, everyMs: 100 };
const PACE_OF_USER = { burst: 1_000, everyMs: 34 };
const PACE_OF_OLD_URL = { burst: 100, everyMs: 334 };

/** A pasted catch-hook URL: no OAuth. https://help.zapier.com/hc/en-us/articles/8496288690317-Trigger-Zaps-from-webhooks */
export const provider = defineProvider({
  id: 'zapier',
  label: 'Zapier',
  mark: { path: 'M13.6 3L5 13.8h5.4L9.4 21 19 9.6h-6.2z', colour: '#c2410c' },
  docsUrl: 'https://help.zapier.com/hc/en-us/articles/8496288690317-Trigger-Zaps-from-webhooks',
  authMode: 'webhook_url',
  credentialPrefix: null,
  inputs: [
    {
      name: 'webhookUrl',
      label: 'Webhook URL',
      help: 'Copy it from the Zap’s trigger “Webhooks by Zapier”. It is a secret: whoever has it can start the Zap.',
      example: 'https://hooks.zapier.com/hooks/catch/123456/abcdef/',
      normalise: normaliseHookUrl,
      problem: 'webhook_host_not_allowed',
      expected: 'a URL such as https://hooks.zapier.com/hooks/catch/123456/abcdef/',
      secret: true,
    },
  ],
  endpoints: { apiBaseUrl: HOOK_ORIGIN },
  refresh: { mode: 'recheck', retry: 'none' },
  accountOfWebhook,
  sendPaces,
  readDelivery,
  metadata: readHookStatus,
});

/**
 * The URL itself or nothing: it must be written exactly as a URL parser would write it, so that no reader of it can see
 * another host (backslashes, user parts, other spellings of a host, dot segments).
 */
function normaliseHookUrl(text: string): string | undefined {
  if (text.length > LONGEST_URL || !URL.canParse(text)) return undefined;
  const url = new URL(text);
  return url.href === text && text === HOOK_ORIGIN + url.pathname && HOOK_PATH.test(url.pathname) ? text : undefined;
}

/** The URL is a secret, so its hash is the id, and no more than the end of its last part is shown. */
function accountOfWebhook(webhookUrl: string): Account {
  const hook =
    webhookUrl
      .replace(/(?:\/silent)?\/?$/, '')
      .split('/')
      .at(-1) ?? '';
  const shown = Math.min(4, Math.floor(hook.length / 2));
  return {
    id: hashed(webhookUrl),
    label: `hooks.zapier.com …${hook.slice(hook.length - shown)}`,
  };
}

/** The URL's own pace, and that of the user whose hook it is. */
function sendPaces(webhookUrl: string): SendPace[] {
  const user = HOOK_USER.exec(webhookUrl)?.[1];
  const url = hashed(webhookUrl);
  return [
    { key: `url-${url}`, ...PACE_OF_URL },
    user === undefined
      ? { key: `old-url-${url}`, ...PACE_OF_OLD_URL }
      : { key: `user-${hashed(user)}`, ...PACE_OF_USER },
  ];
}

function hashed(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 32);
}

/**
 * A hook that is gone says 410, or 404 with a plea to unsubscribe (https://docs.zapier.com/platform/build/hook-trigger).
 * No other refusal says anything about the hook itself.
 */
function readDelivery(answer: WireAnswer): Failure | undefined {
  const { status } = answer;
  const reason = `http_${status}`;
  if (status === 410) return failure('invalid_grant', 'hook_gone');
  if (status === 404 && /unsubscribe/i.test(answer.text)) return failure('invalid_grant', 'hook_gone');
  if (status === 400 || status === 413) return failure('provider_misconfigured', reason);
  return status > 400 && status < 500 && status !== 429 ? readUnusable('api', reason) : undefined;
}
