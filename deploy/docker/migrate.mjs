// Brings the database of DATABASE_ADMIN_URL to where this image needs it. Inside the image there is neither npm ci nor a
// compiler, so this stands in for `npm run migrate`. Both settings may come as files, by the names of `…_FILE`.
import database from '../../dist/libs/database/src/index.js';
import { setting } from './setting.mjs';

try {
  const adminUrl = setting('DATABASE_ADMIN_URL');
  const logins = setting('HUB_DATABASE_LOGINS');
  if (!adminUrl) throw new Error('Set DATABASE_ADMIN_URL to the database that shall be migrated.');
  const { migrations } = await database.provisionDatabase({ adminUrl, ...(logins && { logins: JSON.parse(logins) }) });
  console.log(
    migrations.length === 0 ? 'The database is up to date.' : `Migrated the database: ${migrations.join(', ')}.`,
  );
} catch (error) {
  console.error(error instanceof SyntaxError ? 'HUB_DATABASE_LOGINS is no valid JSON.' : error.message);
  process.exit(1);
}
