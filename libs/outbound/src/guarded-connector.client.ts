import { lookup as resolve, type LookupAddress } from 'node:dns';
import { isIP, type LookupFunction } from 'node:net';
import { buildConnector } from 'undici';
import { permitsAddress, ruleFor, type AddressRule, type OutboundRules } from './address-rules';
import { goesByProxy, isThisMachine } from './proxy-rules';
import { ProxyTunnel } from './proxy-tunnel.client';

const CONNECT_TIMEOUT_MS = 5_000;
const HTTPS_PORT = '443';

/** The address of a host, or the way to it, is not one that the hub calls. Names neither host nor address. */
export class BlockedAddress extends Error {
  readonly code = 'HUB_BLOCKED_ADDRESS';

  constructor() {
    super('the address is not allowed for outbound calls');
    this.name = 'BlockedAddress';
  }
}

/**
 * Opens sockets to checked addresses only. The check stands inside the name's lookup and its result is what the socket
 * is opened to, so that a name which answers differently the second time (DNS rebinding) gains nothing. A name with one
 * forbidden address among good ones is refused whole.
 *
 * Through a proxy it is the same: it is told the checked address, and TLS asks for the name. Only a host that the operator
 * vouches for is told by name, since its address may be known there alone.
 */
export function guardedConnector(rules: OutboundRules): buildConnector.connector {
  const byRule = new Map<AddressRule, buildConnector.connector>();
  const connectorFor = (rule: AddressRule): buildConnector.connector => {
    const connector =
      byRule.get(rule) ??
      buildConnector({ ca: rules.ca, timeout: CONNECT_TIMEOUT_MS, allowH2: false, lookup: checkedLookup(rule) });
    byRule.set(rule, connector);
    return connector;
  };
  const tunnel = rules.proxyUrl ? new ProxyTunnel(rules.proxyUrl) : undefined;
  return (options, callback) => {
    const rule = ruleFor(rules, options.protocol, options.hostname);
    // Address literals are never looked up, so they are checked here.
    const literal = isIP(options.hostname) !== 0;
    if (rule === undefined || (literal && !permitsAddress(rule, options.hostname))) {
      callback(new BlockedAddress(), null);
      return;
    }
    const port = options.port || HTTPS_PORT;
    if (!tunnel || rule === 'loopback' || !goesByProxy(rules, options.hostname, port)) {
      connectorFor(rule)(options, callback);
      return;
    }
    waysTo(rule, options.hostname)
      .then((ways) => (ways.every(isThisMachine) ? undefined : tunnel.open(ways, port)))
      .then(
        (httpSocket) => connectorFor(rule)(httpSocket ? { ...options, httpSocket } : options, callback),
        (error: Error) => callback(error, null),
      );
  };
}

/** What a proxy is told of a host: its checked addresses, IPv4 first since more proxies have it, or the name of a vouched one. */
async function waysTo(rule: AddressRule, hostname: string): Promise<string[]> {
  if (rule === 'any' || isIP(hostname) !== 0) return [hostname];
  const addresses = await new Promise<LookupAddress[]>((found, failed) =>
    resolve(hostname, { all: true }, (error, all) => (error ? failed(error) : found(all))),
  );
  if (addresses.length === 0 || !addresses.every(({ address }) => permitsAddress(rule, address)))
    throw new BlockedAddress();
  return addresses.sort((one, other) => one.family - other.family).map(({ address }) => address);
}

function checkedLookup(rule: AddressRule): LookupFunction {
  return (hostname, options, callback) => {
    resolve(hostname, { ...options, all: true }, (error, addresses: LookupAddress[]) => {
      const [first] = addresses ?? [];
      if (error) return callback(error, '');
      if (!first || !addresses.every(({ address }) => permitsAddress(rule, address)))
        return callback(new BlockedAddress(), '');
      if (options.all) return callback(null, addresses);
      return callback(null, first.address, first.family);
    });
  };
}
