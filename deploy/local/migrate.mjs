import './node-version.mjs';
import fs from 'node:fs';
import { pathToFileURL } from 'node:url';
import { ensureBuilt } from './compile.mjs';
import { dataDirOf, hubEnvironment } from './environment.mjs';
import { givenAdminUrl, givenLogins } from './given-urls.mjs';
import { ensureInstalled } from './install.mjs';
import { runMain } from './main.mjs';
import { loginsFor } from './provision.mjs';
import { Refusal } from './refusal.mjs';
import { inRoot } from './root.mjs';
import { keptSettings } from './settings.mjs';

await runMain(async () => {
  await ensureInstalled();
  await ensureBuilt({ say: console.error });
  const environment = hubEnvironment();
  const adminUrl = givenAdminUrl(environment);
  if (!adminUrl)
    throw new Refusal(
      'Set DATABASE_ADMIN_URL to the database that shall be migrated (npm start migrates its own by itself).',
    );
  const logins =
    givenLogins(environment) ?? loginsFor(adminUrl, (await keptSettings(dataDirOf(environment))).DATABASE_PASSWORDS);
  const { migrations } = await provisionDatabase({ adminUrl, logins });
  console.log(
    migrations.length === 0 ? 'The database is up to date.' : `Migrated the database: ${migrations.join(', ')}.`,
  );
});

async function provisionDatabase(options) {
  const file = inRoot('dist/libs/database/src/index.js');
  if (!fs.existsSync(file)) throw new Refusal('libs/database is not built: run npm run build and mend what it names.');
  const database = await import(pathToFileURL(file).href);
  const provision = database.provisionDatabase ?? database.default?.provisionDatabase;
  if (!provision) throw new Refusal('libs/database exports no provisionDatabase, so there is nothing to migrate with.');
  try {
    return await provision(options);
  } catch (error) {
    throw new Refusal(error.message, { cause: error });
  }
}
