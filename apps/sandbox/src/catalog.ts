import { readdirSync } from 'node:fs';
import path from 'node:path';
import type { ProviderSandbox } from '../../../libs/providers/src/sandbox/sandbox-provider.sandbox';

/** The same place from the sources and from `dist/`. */
const CATALOG = path.resolve(__dirname, '../../../libs/providers/src/catalog');

/**
 * Every `<id>/<id>.sandbox` of the catalog, by id. It is looked up rather than listed, so that a new provider is one
 * folder and no edit here.
 */
export async function loadCatalog(): Promise<ProviderSandbox[]> {
  const folders = readdirSync(CATALOG, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  const ids = folders.map((folder) => folder.name).filter(hasSandbox);
  return Promise.all(ids.sort().map(loadOne));
}

function hasSandbox(id: string): boolean {
  return readdirSync(path.join(CATALOG, id)).some((file) => /^\.sandbox\.[jt]s$/.test(file.slice(id.length)));
}

async function loadOne(id: string): Promise<ProviderSandbox> {
  const loaded = (await import(path.join(CATALOG, id, `${id}.sandbox`))) as { sandbox?: ProviderSandbox };
  if (loaded.sandbox?.id !== id) throw new Error(`${id}.sandbox does not export the sandbox of ${id}`);
  return loaded.sandbox;
}
