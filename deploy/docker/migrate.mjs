// Brings the database of DATABASE_ADMIN_URL to where this image needs it. Inside the image there is neither npm ci nor a
// compiler, so this stands in for `npm run migrate`.
import database from '../../dist/libs/database/src/index.js';

const { DATABASE_ADMIN_URL: adminUrl, HUB_DATABASE_LOGINS: logins } = process.env;
if (!adminUrl) {
  console.error('Set DATABASE_ADMIN_URL to the database that shall be migrated.');
  process.exit(1);
}

try {
  const { migrations } = await database.provisionDatabase({ adminUrl, ...(logins && { logins: JSON.parse(logins) }) });
  console.log(
    migrations.length === 0 ? 'The database is up to date.' : `Migrated the database: ${migrations.join(', ')}.`,
  );
} catch (error) {
  console.error(error instanceof SyntaxError ? 'HUB_DATABASE_LOGINS is no valid JSON.' : error.message);
  process.exit(1);
}
