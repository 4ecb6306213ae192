import { createHash } from 'node:crypto';
import ipaddr from 'ipaddr.js';

/** A home or a machine is given a whole /64 of IPv6 (RFC 6177): whoever has one has all of its addresses. */
const PREFIX_BITS = 64;

/** What an address is counted as: an IPv4 address itself, an IPv6 address by its /64. What is no address is counted as it is. */
export function addressKey(address: string): string {
  if (!ipaddr.isValid(address)) return address;
  const parsed = ipaddr.process(address); // ::ffff:1.2.3.4 is 1.2.3.4
  if (parsed.kind() === 'ipv4') return parsed.toString();
  return ipaddr.IPv6.networkAddressFromCIDR(`${parsed.toNormalizedString().split('%')[0]}/${PREFIX_BITS}`).toString();
}

/** A key as Redis may keep it: neither addresses nor names of people lie there in the clear. */
export function keyHash(key: string): string {
  return createHash('sha256').update(`hub limit ${key}`).digest('base64url').slice(0, 22);
}
