import type { Command } from 'commander';
import type { Surroundings } from '../command';
import { addRotateCommand } from './rotate.command';
import { addStatusCommand } from './status.command';

/** `hub keys`: the keys that seal, and those that wrap them. */
export function addKeysCommand(program: Command, surroundings: Surroundings): void {
  const command = program.command('keys').description('Rotate the keys, and see which of them are needed.');
  addRotateCommand(command, surroundings);
  addStatusCommand(command, surroundings);
}
