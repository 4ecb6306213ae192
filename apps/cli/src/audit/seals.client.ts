import { Mistakes, readAuditSeal, SettingReader, type AuditSealConfig, type Environment } from '@hub/config';
import { SealFolderRepository, SealHistory, type ToldSeal } from '@hub/database';
import { CommandRefused } from '../command';
import { reasonOf } from '../database.client';

/** @throws ConfigError if the settings of the seals have mistakes */
export function sealSettings(environment: Environment): AuditSealConfig {
  const mistakes = new Mistakes();
  const settings = readAuditSeal(new SettingReader(environment, mistakes));
  mistakes.throwIfAny();
  return settings;
}

/** The seals' folder; `undefined` if key or folder is not set. */
export function sealFolder({ keys, dir }: AuditSealConfig): SealFolderRepository | undefined {
  return keys.length > 0 && dir !== null ? new SealFolderRepository(dir, keys) : undefined;
}

/**
 * Everything that was sealed; `undefined` if this installation seals nothing.
 *
 * @param expected a seal that must be among them
 * @throws CommandRefused if the folder cannot be read
 */
export async function sealHistory(settings: AuditSealConfig, expected?: ToldSeal): Promise<SealHistory | undefined> {
  const folder = sealFolder(settings);
  if (!folder) return undefined;
  const history = new SealHistory(settings.keys, expected);
  try {
    for await (const line of folder.lines()) history.take(line);
  } catch (error) {
    throw new CommandRefused(`The seals cannot be read: ${reasonOf(error)}. Check AUDIT_SEAL_DIR.`);
  }
  return history;
}
