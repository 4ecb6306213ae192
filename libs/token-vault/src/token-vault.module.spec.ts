import { randomUUID } from 'node:crypto';
import { HUB_CONFIG } from '@hub/config';
import type { OrgId } from '@hub/domain';
import { Global, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { dataKeysInMemory, vaultSettings } from '../../../test/support/data-keys';
import { AUDIT_KEY_STORE, DATA_KEY_STORE } from './data-key-store';
import { DataKeys } from './data-keys';
import { PlainToken } from './plain-token';
import { TokenVault } from './token-vault';
import { TokenVaultModule } from './token-vault.module';

const store = dataKeysInMemory();

@Global()
@Module({
  providers: [
    { provide: HUB_CONFIG, useValue: vaultSettings() },
    { provide: DATA_KEY_STORE, useValue: store },
    { provide: AUDIT_KEY_STORE, useValue: dataKeysInMemory() },
  ],
  exports: [HUB_CONFIG, DATA_KEY_STORE, AUDIT_KEY_STORE],
})
class Given {}

@Module({ imports: [Given, TokenVaultModule] })
class App {}

it('an app has a vault over its settings and its store, whose keys are wiped when the app ends', async () => {
  const close = jest.spyOn(DataKeys.prototype, 'close');
  const app = await NestFactory.createApplicationContext(App, { logger: false });
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
});
