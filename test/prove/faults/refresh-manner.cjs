// Loaded before a refresh worker: Notion's definition refreshes by PROVE_REFRESH (JSON), as that of a provider would which
// no catalog has yet. Everything else about it stays as it is.
const path = require('node:path');

const catalog = path.resolve(path.dirname(process.argv[1]), '../../../libs/providers/src/catalog');
const { provider } = require(path.join(catalog, 'notion/notion.provider.js'));
Object.assign(provider.refresh, JSON.parse(process.env.PROVE_REFRESH));
