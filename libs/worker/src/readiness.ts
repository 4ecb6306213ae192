import type { HubDatabase } from '@hub/database';
import type { Readiness } from '@hub/telemetry';

const PATIENCE_MS = 2_000;

/** Ready while the database answers; Redis is a doorbell that a worker can do without. */
export async function databaseReadiness(database: HubDatabase): Promise<Readiness> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error('no answer in time')), PATIENCE_MS);
  });
  try {
    const asked = database.asSystem('health', (manager) => manager.query('select 1'));
    await Promise.race([asked, late]);
    return { ready: true };
  } catch {
    return { ready: false, reason: 'database' };
  } finally {
    clearTimeout(timer);
  }
}
