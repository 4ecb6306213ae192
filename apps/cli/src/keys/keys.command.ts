import type { Command } from 'commander';
import type { Surroundings } from '../command';
import { addDestroyRetiredCommand } from './destroy-retired.command';
import { addRotateCommand } from './rotate.command';
import { addStatusCommand } from './status.command';

/** `hub keys`: the keys that seal, and those that wrap them. */
export function addKeysCommand(program: Command, surroundings: Surroundings): void {
  const command = program
    .command('keys')
    .description('Rotate the keys, see which of them are needed, and destroy those that are not.');
  addRotateCommand(command, surroundings);
  addStatusCommand(command, surroundings);
  addDestroyRetiredCommand(command, surroundings);
}
