import type { Command } from 'commander';
import type { Surroundings } from '../command';
import { addExportCommand } from './export.command';
import { addPruneCommand } from './prune.command';
import { addVerifyCommand } from './verify.command';

/** `hub audit`: whether the trail is what was written, and how its older part is put away. */
export function addAuditCommand(program: Command, surroundings: Surroundings): void {
  const command = program.command('audit').description('Verify the audit trail; put its older months away.');
  addVerifyCommand(command, surroundings);
  addExportCommand(command, surroundings);
  addPruneCommand(command, surroundings);
}
