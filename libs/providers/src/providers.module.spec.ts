import 'reflect-metadata';
import { ConfigModule, type HubConfig } from '@hub/config';
import { OutboundClient } from '@hub/outbound';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { OAuthClient } from './oauth/oauth.client';
import { ProviderRegistry } from './provider-registry';
import { ProvidersModule } from './providers.module';

const credentials = { clientId: 'id', clientSecrets: ['secret'] };
const config = {
  providers: { notion: { credentials, scopes: null, endpoints: {} } },
  outbound: { allowPrivate: false, allowHosts: [] },
} as unknown as HubConfig;

@Module({ imports: [ConfigModule.of(config), ProvidersModule] })
class App {}

describe('the module', () => {
  it('provides registry and clients from the settings, and closes what it opened', async () => {
    const app = await NestFactory.createApplicationContext(App, { logger: false });
    expect(app.get(ProviderRegistry).find('notion')?.configured).toBe(true);
    expect(app.get(OAuthClient)).toBeInstanceOf(OAuthClient);
    const outbound = app.get(OutboundClient);
    const call = { method: 'GET', url: 'https://127.0.0.1/' } as const;
    expect(await outbound.send(call)).toEqual({ kind: 'not_sent', reason: 'blocked_address' });
    await app.close();
    expect(await outbound.send(call)).toEqual({ kind: 'not_sent', reason: 'closed' });
  });
});
