import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { readConfig, type HubConfig } from '@hub/config';
import { configurableProviders } from '@hub/providers';
import { TokenVault } from '@hub/token-vault';
import { dataKeysIn } from './data-keys';
import type { OwnDatabase } from './database';
import type { OwnSandbox } from './sandbox';

/** The settings of one small hub: its own database, its own corner of Redis, its own keys and folder. */
export interface HubSettings {
  /** As the refresh worker's environment; another app needs its own DATABASE_URL, and what else it needs more. */
  readonly environment: Readonly<Record<string, string>>;
  readonly spoolDir: string;
  /** Opens and seals what the hub's apps seal and open. */
  readonly vault: TokenVault;
  /** The configuration of the refresh worker, with some settings changed. */
  workerConfig(changed?: Record<string, string>): HubConfig;
  /** The configuration of the metadata sync worker, with some settings changed. */
  syncConfig(changed?: Record<string, string>): HubConfig;
  /** The configuration of the delivery worker, with some settings changed. */
  deliveryConfig(changed?: Record<string, string>): HubConfig;
  remove(): void;
}

/** @param changed settings that this hub has otherwise than usual */
export function hubSettings(
  database: OwnDatabase,
  sandbox: OwnSandbox,
  changed: Record<string, string> = {},
): HubSettings {
  const folder = mkdtempSync(path.join(tmpdir(), 'hub-test-'));
  const endpointsFile = path.join(folder, 'provider-endpoints.json');
  writeFileSync(endpointsFile, JSON.stringify(sandbox.endpoints));
  const spoolDir = path.join(folder, 'spool');
  const environment = {
    DATABASE_URL: database.refreshWorkerUrl,
    REDIS_URL: process.env['HUB_TEST_REDIS_URL'] ?? '',
    REDIS_PREFIX: `hub-${database.name}`,
    TOKEN_KEYS: `k1:${randomBytes(32).toString('base64')}`,
    PROVIDER_ENDPOINTS_FILE: endpointsFile,
    OUTBOUND_ALLOW_PRIVATE: 'true',
    SPOOL_DIR: spoolDir,
    LOG_LEVEL: process.env['HUB_TEST_LOG_LEVEL'] ?? 'silent',
    ...sandbox.credentials,
    ...changed,
  };
  const workerConfig = (more: Record<string, string> = {}): HubConfig =>
    readConfig({ ...environment, ...more }, { providers: configurableProviders, callers: false });
  const syncConfig = (more: Record<string, string> = {}): HubConfig =>
    workerConfig({ DATABASE_URL: database.syncWorkerUrl, ...more });
  const deliveryConfig = (more: Record<string, string> = {}): HubConfig =>
    workerConfig({ DATABASE_URL: database.deliveryWorkerUrl, ...more });
  return {
    environment,
    spoolDir,
    vault: TokenVault.over(
      workerConfig(),
      dataKeysIn((sql, values) => database.sql(sql, values)),
    ),
    workerConfig,
    syncConfig,
    deliveryConfig,
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}
