// Loaded before an app: gives the authorization codes of every provider forty seconds, as if their pages said so.
const path = require('node:path');

const { providerCatalog } = require(path.join(process.cwd(), 'dist/libs/providers/src/catalog/index.js'));
for (const definition of providerCatalog) if (definition.authMode === 'oauth2') definition.codeLifeSeconds = 40;
