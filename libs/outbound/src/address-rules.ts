import ipaddr from 'ipaddr.js';
import type { ProxyRules } from './proxy-rules';

/**
 * Which addresses a connection may go to.
 *
 * - `public`: addresses of the open internet only.
 * - `public_or_loopback`: this machine as well, for the sandbox.
 * - `loopback`: this machine only, the one place that plain http may go to.
 * - `any`: a host that the operator vouches for.
 */
export type AddressRule = 'public' | 'public_or_loopback' | 'loopback' | 'any';

/** The part of the settings that outbound calls obey. */
export interface OutboundRules extends ProxyRules {
  readonly allowPrivate: boolean;
  readonly allowHosts: readonly string[];
  /** Certificates to trust in place of the system's, as PEM. */
  readonly ca?: string;
}

const PERMITS: Record<AddressRule, (range: string) => boolean> = {
  public: (range) => range === 'unicast',
  public_or_loopback: (range) => range === 'unicast' || range === 'loopback',
  loopback: (range) => range === 'loopback',
  any: () => true,
};

/** IPv6 space that is delegated to anybody at all: outside of it nothing is public (IANA, "IPv6 Global Unicast"). */
const GLOBAL_UNICAST = ipaddr.IPv6.parseCIDR('2000::/3');

/**
 * Addresses that stand in the space of the open internet and are none of it: 168.63.129.16 is the platform of Azure as
 * every machine there reaches it (Azure Virtual Network, "What is IP address 168.63.129.16?").
 */
const PLATFORM: ReadonlySet<string> = new Set(['168.63.129.16']);

/** True if a connection under `rule` may go to this address; forms that hide another address in them never may. */
export function permitsAddress(rule: AddressRule, address: string): boolean {
  return PERMITS[rule](rangeOf(address));
}

/**
 * The rule for a connection; `undefined` where none may be made at all.
 *
 * @param protocol as in a URL, such as `https:`
 * @param hostname without brackets
 */
export function ruleFor(rules: OutboundRules, protocol: string, hostname: string): AddressRule | undefined {
  if (protocol === 'http:') return rules.allowPrivate ? 'loopback' : undefined;
  if (protocol !== 'https:') return undefined;
  if (rules.allowHosts.includes(hostname.toLowerCase())) return 'any';
  return rules.allowPrivate ? 'public_or_loopback' : 'public';
}

/**
 * The rules for a client of its own that calls one host of the operator's choice and nothing else: it may have a private
 * address, and plain http if it is this machine itself.
 *
 * @param url of that host, checked with the settings
 */
export function vouchedFor(rules: ProxyRules, url: string): OutboundRules {
  const { protocol, hostname } = new URL(url);
  const host = hostname.replace(/^\[|\]$/g, '').toLowerCase();
  return { ...rules, allowPrivate: protocol === 'http:', allowHosts: [host] };
}

function rangeOf(address: string): string {
  if (!ipaddr.isValid(address)) return 'invalid';
  const parsed = ipaddr.parse(address);
  const range = parsed.range();
  if (range !== 'unicast') return range;
  if (parsed.kind() === 'ipv6' && !parsed.match(GLOBAL_UNICAST)) return 'reserved';
  return PLATFORM.has(parsed.toString()) ? 'platform' : range;
}
