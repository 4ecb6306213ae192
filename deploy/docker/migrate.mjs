// Brings the database of DATABASE_ADMIN_URL to where this image needs it. Inside the image there is neither npm ci nor a
// compiler, so this stands in for `npm run migrate`. Both settings may come as files, by their names with _FILE.
import config from '../../dist/libs/config/src/index.js';
import database from '../../dist/libs/database/src/index.js';

try {
  const mistakes = new config.Mistakes();
  const reader = new config.SettingReader(process.env, mistakes);
  const adminUrl =
    reader.raw('DATABASE_ADMIN_URL') &&
    reader.connectionUrl('DATABASE_ADMIN_URL', ['postgres:', 'postgresql:'], 'it is that of an administrator');
  const logins = reader.raw('HUB_DATABASE_LOGINS');
  mistakes.throwIfAny();
  if (!adminUrl) throw new Error('Set DATABASE_ADMIN_URL to the database that shall be migrated.');
  const { migrations } = await database.provisionDatabase({ adminUrl, ...(logins && { logins: JSON.parse(logins) }) });
  console.log(
    migrations.length === 0 ? 'The database is up to date.' : `Migrated the database: ${migrations.join(', ')}.`,
  );
} catch (error) {
  console.error(error instanceof SyntaxError ? 'HUB_DATABASE_LOGINS is no valid JSON.' : error.message);
  process.exit(1);
}
