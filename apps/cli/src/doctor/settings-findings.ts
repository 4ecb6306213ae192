import { isLoopback, type Environment, type HubConfig } from '@hub/config';
import { callbackUrl } from '@hub/domain';
import type { RegisteredProvider } from '@hub/providers';
import { bad, good, warning, type Finding } from './finding';

/** Each mistake of the settings, which says itself how it is mended. */
export function mistakeFindings(mistakes: readonly string[]): Finding[] {
  return mistakes.map((mistake) => bad('Settings', mistake));
}

/** Settings of a worker: nothing in them is of callers. */
export const CALLERS_UNKNOWN: Finding = warning(
  'Nothing says here how callers are verified',
  'only the gateway needs AUTH_*: run the doctor with its settings too',
);

/** Whether anything is set of how callers are verified. */
export function tellsOfCallers(environment: Environment): boolean {
  return Object.entries(environment).some(([name, value]) => name.startsWith('AUTH_') && value?.trim());
}

/** What the settings say, where they can be read at all. */
export function settingsFindings(config: HubConfig): Finding[] {
  const [first, ...older] = config.tokenKeys;
  const opening = older.length === 0 ? '' : `; ${older.map(({ id }) => id).join(', ')} only open`;
  return [
    publicUrlFinding(config),
    returnUrlFinding(config),
    good(`Token keys: ${first?.id ?? 'none'} wraps${opening}`),
    auditSealFinding(config),
    ...outboundFindings(config),
  ];
}

function publicUrlFinding({ publicUrl }: HubConfig): Finding {
  const { protocol, hostname } = new URL(publicUrl);
  return protocol === 'https:' || isLoopback(hostname)
    ? good(`Browsers reach the hub at ${publicUrl}`)
    : warning(`PUBLIC_URL ${publicUrl} is not https`, 'put TLS in front of the gateway, and say so in PUBLIC_URL');
}

/** A return URL without TLS lets whoever is on the way send the browser elsewhere. */
export function returnUrlFinding({ redirectAllowList }: Pick<HubConfig, 'redirectAllowList'>): Finding {
  const open = redirectAllowList.filter((url) => url.startsWith('http:') && !isLoopback(new URL(url).hostname));
  return open.length === 0
    ? good(`Browsers may be sent back to ${redirectAllowList.length} URLs, each over TLS or on this machine`)
    : warning(`Return URLs without TLS: ${open.join(', ')}`, 'write https:// in SITE_URL and REDIRECT_ALLOWLIST');
}

function auditSealFinding({ auditSeal: { keys, dir } }: HubConfig): Finding {
  const [first] = keys;
  if (first && dir !== null) return good(`The audit trail is sealed with ${first.id}, outside the database`);
  return warning(
    'The audit trail is not sealed: that its end was cut off would go unseen',
    'set AUDIT_SEAL_KEY and AUDIT_SEAL_DIR for the refresh worker and for this command line',
  );
}

/** On the machine of a developer loopback is where the sandbox is; anywhere else it is what an attacker wants to reach. */
export function outboundFindings({ outbound, publicUrl }: Pick<HubConfig, 'outbound' | 'publicUrl'>): Finding[] {
  if (!outbound.allowPrivate) return [];
  const what = 'OUTBOUND_ALLOW_PRIVATE is set: the hub may be led to call what listens on this machine alone';
  const mend = 'unset it anywhere but on your own machine';
  return [isLoopback(new URL(publicUrl).hostname) ? warning(what, mend) : bad(what, mend)];
}

/** Which providers can be connected here, and what is to be registered at each. */
export function providerFindings(providers: readonly RegisteredProvider[], publicUrl: string): Finding[] {
  return providers.map(({ definition, configured }) => {
    const url = callbackUrl(publicUrl, definition.id);
    if (definition.authMode === 'webhook_url') return good(`${definition.label} needs no credentials`);
    if (configured) return good(`${definition.label} has credentials; redirect URL to register: ${url}`);
    return warning(
      `${definition.label} has no credentials`,
      `set ${definition.credentialPrefix}_CLIENT_ID and ${definition.credentialPrefix}_CLIENT_SECRET, and register ${url}`,
    );
  });
}
