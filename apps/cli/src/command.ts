import type { Environment } from '@hub/config';
import type { Actor } from '@hub/domain';
import type { Terminal } from './terminal';

/** Who stands in the trail for what an operator does here. */
export const OPERATOR: Actor = { type: 'system', id: 'cli' };

/** What a command stands in. */
export interface Surroundings {
  readonly environment: Environment;
  readonly terminal: Terminal;
}

/** A command that was understood and cannot be done. Its message is for the operator; empty if all is said already. */
export class CommandRefused extends Error {
  constructor(message = '') {
    super(message);
    this.name = 'CommandRefused';
  }
}
