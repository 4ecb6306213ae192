import type { HubDatabase } from '@hub/database';
import type { Readiness } from '@hub/telemetry';
import { within } from './within';

const PATIENCE_MS = 2_000;

/** Ready while the database answers; Redis is a doorbell that a worker can do without. */
export async function databaseReadiness(database: HubDatabase): Promise<Readiness> {
  const asked = database.asSystem('health', (manager) => manager.query('select 1'));
  return within(PATIENCE_MS, asked, 'the database does not answer').then(
    () => ({ ready: true }),
    () => ({ ready: false, reason: 'database' }),
  );
}
