import { parseDurationMs } from '@hub/config';
import {
  CALLER_SCOPES,
  DEAD_LETTER_KINDS,
  isCallerScope,
  parseOrgId,
  parseScopes,
  type CallerScope,
  type DeadLetterKind,
  type OrgId,
  type ProviderId,
} from '@hub/domain';
import { providerCatalog } from '@hub/providers';
import { InvalidArgumentError } from 'commander';

/** An org from the command line. @throws InvalidArgumentError if it is no UUID */
export function orgArgument(text: string): OrgId {
  const orgId = parseOrgId(text);
  if (!orgId) throw new InvalidArgumentError('An org is a UUID, such as 6b1f3c9e-2f5d-4c1a-9b7e-0d3a5e8c7f21.');
  return orgId;
}

/** A provider of the catalog. @throws InvalidArgumentError if there is none of that id */
export function providerArgument(text: string): ProviderId {
  const known = providerCatalog.map(({ id }) => id as ProviderId);
  const provider = known.find((id) => id === text);
  if (!provider) throw new InvalidArgumentError(`The providers are ${known.join(', ')}.`);
  return provider;
}

/** A kind of dead letter. @throws InvalidArgumentError if there is no such kind */
export function kindArgument(text: string): DeadLetterKind {
  const kind = DEAD_LETTER_KINDS.find((known) => known === text);
  if (!kind) throw new InvalidArgumentError(`The kinds are ${DEAD_LETTER_KINDS.join(', ')}.`);
  return kind;
}

/** Scopes, space or comma separated. @throws InvalidArgumentError if the hub knows one of them not, or there is none */
export function scopesArgument(text: string): CallerScope[] {
  const scopes = parseScopes(text);
  const unknown = scopes.filter((scope) => !isCallerScope(scope));
  if (unknown.length > 0 || scopes.length === 0) {
    const mistake = scopes.length === 0 ? 'There is no scope.' : `Unknown: ${unknown.join(', ')}.`;
    throw new InvalidArgumentError(`${mistake} The scopes are ${CALLER_SCOPES.join(', ')}.`);
  }
  return scopes.filter(isCallerScope);
}

/** A duration in milliseconds, one second or longer. @throws InvalidArgumentError if it is none */
export function durationArgument(text: string): number {
  const durationMs = parseDurationMs(text);
  if (durationMs === undefined || durationMs < 1_000)
    throw new InvalidArgumentError('A duration is such as 30s, 10m, 12h or 7d.');
  return durationMs;
}

/** Text that is there. @throws InvalidArgumentError if it is empty */
export function textArgument(text: string): string {
  if (text.trim() === '') throw new InvalidArgumentError('It is empty.');
  return text.trim();
}
