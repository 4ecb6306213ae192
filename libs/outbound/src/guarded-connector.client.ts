import { lookup as resolve, type LookupAddress } from 'node:dns';
import { isIP, type LookupFunction } from 'node:net';
import { buildConnector } from 'undici';
import { permitsAddress, ruleFor, type AddressRule, type OutboundRules } from './address-rules';

const CONNECT_TIMEOUT_MS = 5_000;

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
 */
export function guardedConnector(rules: OutboundRules): buildConnector.connector {
  const byRule = new Map<AddressRule, buildConnector.connector>();
  const connectorFor = (rule: AddressRule): buildConnector.connector => {
    const connector =
      byRule.get(rule) ??
      buildConnector({ timeout: CONNECT_TIMEOUT_MS, allowH2: false, lookup: checkedLookup(rule) } as const);
    byRule.set(rule, connector);
    return connector;
  };
  return (options, callback) => {
    const rule = ruleFor(rules, options.protocol, options.hostname);
    // Address literals are never looked up, so they are checked here.
    const literal = isIP(options.hostname) !== 0;
    if (rule === undefined || (literal && !permitsAddress(rule, options.hostname))) {
      callback(new BlockedAddress(), null);
      return;
    }
    connectorFor(rule)(options, callback);
  };
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
