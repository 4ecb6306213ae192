import { Mistakes, readBearerSettings, SettingReader, type BearerSettings, type Environment } from '@hub/config';
import type { OrgId } from '@hub/domain';
import type { Command } from 'commander';
import { durationArgument, orgArgument, scopesArgument, textArgument } from '../arguments';
import type { Surroundings } from '../command';
import { makeBearerToken } from './bearer-token';

interface TokenOptions {
  readonly org: OrgId;
  readonly sub: string;
  readonly scope: readonly string[];
  readonly ttl: number;
}

/** `hub token`: a bearer token to try the API with. It needs no database. */
export function addTokenCommand(program: Command, { environment, terminal }: Surroundings): void {
  program
    .command('token')
    .description('Print a bearer token for an org, signed with AUTH_JWT_SECRET.')
    .requiredOption('--org <uuid>', 'the org that it speaks for', orgArgument)
    .requiredOption('--sub <id>', 'the user or service that it speaks for', textArgument)
    .requiredOption('--scope <scopes>', 'what it allows, space separated', scopesArgument)
    .option('--ttl <duration>', 'how long it is valid, such as 30m or 12h', durationArgument, durationArgument('1h'))
    .action(async ({ org, sub, scope, ttl }: TokenOptions) => {
      const settings = readSigning(environment);
      terminal.print(await makeBearerToken(settings, { orgId: org, sub, scopes: scope, lifeMs: ttl }, new Date()));
    });
}

/** @throws ConfigError if the environment has not all that a token needs */
function readSigning(environment: Environment): BearerSettings & { jwtSecret: string } {
  const mistakes = new Mistakes();
  const settings = readBearerSettings(new SettingReader(environment, mistakes));
  if (settings.jwtSecret === null)
    mistakes.add('AUTH_JWT_SECRET is missing: tokens for AUTH_JWKS_URL come from whoever holds its private key');
  mistakes.throwIfAny();
  return { ...settings, jwtSecret: settings.jwtSecret ?? '' };
}
