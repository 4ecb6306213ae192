import ipaddr from 'ipaddr.js';

/** A proxy for what goes out, and what does not go through it. */
export interface ProxyRules {
  /** `http:` or `https:`, with user and password if it asks for them; `null` or absent: there is none. */
  readonly proxyUrl?: string | null;
  /** Names (each with all below it), addresses, networks (`10.0.0.0/8`), each with a `:port` if only that is meant; `*`: everything. */
  readonly noProxy?: readonly string[];
}

/**
 * True if a connection goes through the proxy. This machine itself is never reached by one.
 *
 * @param hostname without brackets
 */
export function goesByProxy({ proxyUrl, noProxy = [] }: ProxyRules, hostname: string, port: string): boolean {
  if (!proxyUrl) return false;
  const host = hostname.toLowerCase().replace(/\.$/, '');
  return !isThisMachine(host) && !noProxy.some((entry) => matches(entry.toLowerCase(), host, port));
}

/** True for the name and the addresses of this machine itself. */
export function isThisMachine(host: string): boolean {
  return host === 'localhost' || (ipaddr.isValid(host) && ipaddr.process(host).range() === 'loopback');
}

function matches(entry: string, host: string, port: string): boolean {
  if (entry === '*') return true;
  const [, bracketed, plain, wantedPort] = /^(?:\[(.*)\]|(.*?))(?::(\d+))?$/.exec(entry) ?? [];
  // an IPv6 address without brackets has colons, and no port
  const isBare = ipaddr.isValid(entry) || isNetwork(entry);
  const name = isBare ? entry : (bracketed ?? plain ?? '');
  if (!isBare && wantedPort !== undefined && wantedPort !== port) return false;
  if (ipaddr.isValid(host)) return coversAddress(name, host);
  const suffix = name.replace(/^\*?\./, '');
  return suffix !== '' && (host === suffix || host.endsWith(`.${suffix}`));
}

function isNetwork(text: string): boolean {
  return text.includes('/') && ipaddr.isValidCIDR(text);
}

function coversAddress(entry: string, host: string): boolean {
  const address = ipaddr.process(host);
  if (isNetwork(entry)) {
    const [network, bits] = ipaddr.parseCIDR(entry);
    return network.kind() === address.kind() && address.match(network, bits);
  }
  return ipaddr.isValid(entry) && ipaddr.process(entry).toString() === address.toString();
}
