import { randomUUID } from 'node:crypto';
import { HUB_CONFIG } from '@hub/config';
import type { OrgId } from '@hub/domain';
import { HubLogger } from '@hub/telemetry';
import { Global, Module, type INestApplicationContext } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { AwsKmsServer, wearCredentials } from '../../../test/support/aws-kms-server';
import { dataKeysInMemory, vaultSettings } from '../../../test/support/data-keys';
import { eventually } from '../../../test/support/eventually';
import { AUDIT_KEY_STORE, DATA_KEY_STORE } from './data-key-store';
import { DataKeys } from './data-keys';
import { PlainToken } from './plain-token';
import { TokenVault } from './token-vault';
import { TokenVaultModule } from './token-vault.module';

const records: string[] = [];
const logger = HubLogger.forApp('test', 'info', { write: (line: string) => void records.push(line) });

/** An app over these settings and a store of its own. */
async function anApp(
  settings: object = {},
): Promise<{ app: INestApplicationContext; store: ReturnType<typeof dataKeysInMemory> }> {
  const store = dataKeysInMemory();
  @Global()
  @Module({
    providers: [
      { provide: HUB_CONFIG, useValue: { ...vaultSettings(), ...settings } },
      { provide: HubLogger, useValue: logger },
      { provide: DATA_KEY_STORE, useValue: store },
      { provide: AUDIT_KEY_STORE, useValue: dataKeysInMemory() },
    ],
    exports: [HUB_CONFIG, HubLogger, DATA_KEY_STORE, AUDIT_KEY_STORE],
  })
  class Given {}

  @Module({ imports: [Given, TokenVaultModule] })
  class App {}
  return { app: await NestFactory.createApplicationContext(App, { logger: false }), store };
}

beforeEach(() => {
  records.length = 0;
});

it('an app has a vault over its settings and its store, whose keys are wiped when the app ends', async () => {
  const close = jest.spyOn(DataKeys.prototype, 'close');
  const { app, store } = await anApp();
  const vault = app.get(TokenVault);
  const cell = {
    table: 'integrations',
    column: 'access_token',
    orgId: randomUUID() as OrgId,
    provider: 'notion',
    rowId: randomUUID(),
  } as const;
  const sealed = await vault.seal(cell, new PlainToken('secret'));
  expect((await vault.open(cell, sealed)).reveal()).toBe('secret');
  expect(store.keys).toHaveLength(1);
  expect(close).not.toHaveBeenCalled();
  await app.close();
  expect(close).toHaveBeenCalledTimes(2); // those of the tokens, and those of the trail
  close.mockRestore();
  expect(records).toEqual([]);
});

it('an app whose KMS key is in another region starts, and says which setting to mend', async () => {
  const server = new AwsKmsServer();
  await server.start();
  server.key('alias/other');
  const takeOff = wearCredentials(server.identity);
  try {
    const awsKms = { keyId: 'alias/hub', region: server.identity.region, endpoint: server.url };
    const { app } = await anApp({ keyProvider: 'aws-kms', awsKms });
    await eventually('the record', () => Promise.resolve(records.length > 0));
    expect(records.map((line): unknown => JSON.parse(line))).toMatchObject([
      {
        'event.name': 'hub.keys.provider_ill',
        key_provider: 'aws-kms',
        reason: 'NotFoundException: there is no key AWS_KMS_KEY_ID in the region eu-central-1',
        fix: 'set AWS_REGION to the region of the key, or AWS_KMS_KEY_ID to a key that is there',
      },
    ]);
    await app.close();
  } finally {
    takeOff();
    await server.stop();
  }
});
