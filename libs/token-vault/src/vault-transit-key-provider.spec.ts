import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { VaultTransitConfig } from '@hub/config';
import type { OrgId } from '@hub/domain';
import { ConnectProxy } from '../../../test/support/connect-proxy';
import { VaultTransitServer, type VaultState } from '../../../test/support/vault-transit-server';
import { KeyRefused, KeyUnavailable, type DataKeyName, type KeyProvider } from './key-provider';
import { KeyProviders } from './key-providers';
import { VaultTransitKeyProvider } from './vault-transit-key-provider';

const KEY = Buffer.from(Array.from({ length: 32 }, (_, place) => place * 7 + 1));
let name: DataKeyName;
let server: VaultTransitServer;
let provider: KeyProvider;

const config = (different: Partial<VaultTransitConfig> = {}): VaultTransitConfig => ({
  address: server.url,
  token: 's.root',
  tokenFile: null,
  namespace: null,
  mount: 'transit',
  key: 'hub-data-keys',
  caCert: null,
  ...different,
});
const made = (different: Partial<VaultTransitConfig> = {}) => VaultTransitKeyProvider.of(config(different));

beforeEach(async () => {
  name = { orgId: randomUUID() as OrgId, id: randomUUID() };
  server = new VaultTransitServer();
  await server.start();
  provider = await made();
});
afterEach(() => server.stop());

const lastAsked = () => server.asked.at(-1);

describe('a data key that Vault wraps', () => {
  it('opens again, and names the key and its version', async () => {
    const wrapped = await provider.wrap(name, KEY);
    expect(wrapped).toEqual({ wrappingKeyId: 'hub-data-keys:v1', wrapped: expect.stringMatching(/^vault:v1:/) });
    expect(wrapped.wrapped).not.toContain(KEY.toString('base64'));
    expect(await provider.unwrap(name, wrapped)).toEqual(KEY);
    expect(server.asked.map(({ method, path: at }) => `${method} ${at}`)).toEqual([
      'POST /v1/transit/encrypt/hub-data-keys',
      'POST /v1/transit/decrypt/hub-data-keys',
    ]);
    expect(lastAsked()?.headers).toMatchObject({ 'x-vault-token': 's.root', 'x-vault-request': 'true' });
    expect(lastAsked()?.headers['content-type']).toBe('application/json');
  });

  it('is bound to its org and its id: as another’s it is refused', async () => {
    const wrapped = await provider.wrap(name, KEY);
    for (const other of [{ id: randomUUID() }, { orgId: randomUUID() as OrgId }])
      await expect(provider.unwrap({ ...name, ...other }, wrapped)).rejects.toMatchObject({ reason: 'not_authentic' });
    const bound = (JSON.parse(lastAsked()?.body ?? '') as { associated_data: string }).associated_data;
    expect(Buffer.from(bound, 'base64').toString('latin1')).toContain('hub/1 data key');
  });

  it('opens after a rotation, and is wrapped anew by the newest version', async () => {
    const before = await provider.wrap(name, KEY);
    server.rotate('hub-data-keys');
    expect(await provider.unwrap(name, before)).toEqual(KEY);
    const after = await provider.rewrap(name, before);
    expect(after).toEqual({ wrappingKeyId: 'hub-data-keys:v2', wrapped: expect.stringMatching(/^vault:v2:/) });
    expect(await provider.unwrap(name, after)).toEqual(KEY);
  });

  it('opens with the key that it names although another wraps now', async () => {
    const before = await provider.wrap(name, KEY);
    const other = await made({ key: 'next.key' });
    expect(await other.unwrap(name, before)).toEqual(KEY);
    expect((await other.rewrap(name, before)).wrappingKeyId).toBe('next.key:v1');
  });

  it.each([
    ['forged', (text: string) => text.slice(0, -8) + 'AAAAAA==', 'hub-data-keys:v1'],
    ['of a version that is not there', (text: string) => text.replace('v1', 'v9'), 'hub-data-keys:v9'],
  ])('is refused if it is %s', async (_what, change, wrappingKeyId) => {
    const { wrapped } = await provider.wrap(name, KEY);
    await expect(provider.unwrap(name, { wrappingKeyId, wrapped: change(wrapped) })).rejects.toMatchObject({
      name: 'KeyRefused',
      reason: 'not_authentic',
    });
  });

  it.each([
    ['another version', { wrappingKeyId: 'hub-data-keys:v2' }],
    ['no version', { wrappingKeyId: 'hub-data-keys' }],
    ['more behind the version', { wrappingKeyId: 'hub-data-keys:v1x' }],
    ['another path', { wrappingKeyId: '../sys/hub:v1' }],
    ['something before it', { wrappingKeyId: '/hub-data-keys:v1' }],
    ['a sealed value of the local key provider', { wrapped: 'hub1.k1.AAAA' }],
    ['a text with something before it', { wrapped: 'xvault:v1:AAAA' }],
    ['a text with something behind it', { wrapped: 'vault:v1:AAAA"' }],
    ['nothing', { wrapped: '' }],
  ])('is refused without asking where its row names %s', async (_what, different) => {
    const wrapped = { ...(await provider.wrap(name, KEY)), ...different };
    await expect(provider.unwrap(name, wrapped)).rejects.toMatchObject({ name: 'KeyRefused', reason: 'not_authentic' });
    expect(server.asked).toHaveLength(1);
  });

  it('is refused once its key is deleted', async () => {
    const wrapped = await provider.wrap(name, KEY);
    server.forget('hub-data-keys');
    await expect(provider.unwrap(name, wrapped)).rejects.toMatchObject({ name: 'KeyRefused', reason: 'unknown_key' });
  });
});

describe('Vault that cannot be asked', () => {
  async function expectAway(by = provider): Promise<void> {
    const wrapped = { wrappingKeyId: 'hub-data-keys:v1', wrapped: 'vault:v1:AAAA' };
    for (const question of [by.wrap(name, KEY), by.unwrap(name, wrapped), by.rewrap(name, wrapped), by.health()])
      await expect(question).rejects.toThrow(KeyUnavailable);
  }

  it.each(['sealed', 'throttled', 'broken', 'redirecting', 'endless', 'garbled'] as VaultState[])(
    'is an outage: %s',
    async (state) => {
      server.state = state;
      await expectAway();
    },
  );

  it.each(['silent', 'stalling'] as VaultState[])('is an outage once its time is over: %s', async (state) => {
    server.state = state;
    provider = await VaultTransitKeyProvider.of(config(), {}, 400);
    const from = performance.now();
    await Promise.all([
      expect(provider.wrap(name, KEY)).rejects.toThrow(KeyUnavailable),
      expect(provider.health()).rejects.toThrow(KeyUnavailable),
    ]);
    expect(performance.now() - from).toBeGreaterThan(350);
    expect(performance.now() - from).toBeLessThan(4_500);
  });

  it('is an outage where nobody listens, and passes with it', async () => {
    const wrapped = await provider.wrap(name, KEY);
    await server.stop();
    await expectAway();
    await server.start();
    expect(await provider.unwrap(name, wrapped)).toEqual(KEY);
    await provider.health();
  });

  it.each([
    ['ciphertext or signature version is disallowed by policy (too old)', 'min_decryption_version forbids the version'],
    ['refusing to use soft-deleted key', 'the key is soft-deleted'],
    ["'[0].associated_data' provided for non-AEAD cipher suite rsa-2048", 'the key’s type knows no associated data'],
    ["missing 'context' for key derivation", 'the key is a derived one'],
    ['missing client token', undefined],
  ])('is an outage, since an operator can undo it: 400 %s', async (words, told) => {
    server.state = { refuses: words };
    await expectAway();
    const cause = { message: told === undefined ? 'Vault answers 400' : `Vault answers 400: ${told}` };
    await expect(provider.health()).rejects.toMatchObject({ cause });
  });

  it('is asked through the proxy, by its name, since its address may be known there alone', async () => {
    const proxy = await ConnectProxy.open(() => 0);
    proxy.instead = (socket) => void socket.end('HTTP/1.1 407 Proxy Authentication Required\r\n\r\n');
    try {
      const behind = config({ address: 'https://vault.internal:8200' });
      provider = await VaultTransitKeyProvider.of(behind, { proxyUrl: proxy.url() });
      await expect(provider.wrap(name, KEY)).rejects.toMatchObject({
        name: 'KeyUnavailable',
        cause: { message: 'Vault gives no answer: proxy' },
      });
      expect(proxy.targets).toEqual(['vault.internal:8200']);
    } finally {
      await proxy.close();
    }
  });

  it('follows no redirect', async () => {
    server.state = 'redirecting';
    await expect(provider.wrap(name, KEY)).rejects.toMatchObject({ cause: { message: 'Vault answers 307' } });
    expect(server.asked).toHaveLength(1);
  });

  it('is an outage while its token is not accepted: an operator mends that', async () => {
    await expectAway(await made({ token: 's.ended' }));
  });

  it('is an outage where the engine is not mounted', async () => {
    await expectAway(await made({ mount: 'elsewhere' }));
    await expect((await made({ mount: 'elsewhere' })).wrap(name, KEY)).rejects.toMatchObject({
      cause: { message: 'Vault answers 404' },
    });
  });

  it('says neither key nor token', async () => {
    server.state = 'sealed';
    const error = await provider.wrap(name, KEY).catch((thrown: unknown) => thrown as KeyUnavailable);
    if (!(error instanceof KeyUnavailable)) throw new Error('it was to be away');
    const told = `${error.message} ${String(error.cause)}`;
    expect(told).toBe('the key provider vault-transit cannot be reached Error: Vault answers 503');
  });
});

describe('the settings of Vault', () => {
  it('name a namespace, and an engine at another path', async () => {
    server.namespace = 'team/a';
    server.mount = 'keys/hub';
    await expect(provider.health()).rejects.toThrow(KeyUnavailable);
    await (await made({ namespace: 'team/a', mount: 'keys/hub' })).health();
    expect(lastAsked()).toMatchObject({
      path: '/v1/keys/hub/decrypt/hub-data-keys',
      headers: { 'x-vault-namespace': 'team/a' },
    });
  });

  it('send no namespace where there is none', async () => {
    await provider.health();
    expect(lastAsked()?.headers).not.toHaveProperty('x-vault-namespace');
  });

  it('may name a file that holds the token, read on each use', async () => {
    const folder = mkdtempSync(path.join(tmpdir(), 'vault-token-'));
    const tokenFile = path.join(folder, 'token');
    const filed = await made({ token: null, tokenFile });
    try {
      await expect(filed.health()).rejects.toThrow(KeyUnavailable);
      writeFileSync(tokenFile, 's.root\n');
      await filed.health();
      server.tokens.clear();
      server.tokens.add('s.renewed');
      await expect(filed.health()).rejects.toThrow(KeyUnavailable);
      writeFileSync(tokenFile, 's.renewed');
      await filed.health();
      writeFileSync(tokenFile, '\n');
      await expect(filed.health()).rejects.toMatchObject({ cause: { message: 'VAULT_TOKEN_FILE is empty' } });
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('are needed: without them nobody unwraps what it has wrapped', async () => {
    const wrapped = await provider.wrap(name, KEY);
    const settings = { tokenKeys: [], keyProvider: 'vault-transit', vaultTransit: config() } as const;
    expect(await KeyProviders.of(settings).unwrap('vault-transit', name, wrapped)).toEqual(KEY);
    expect((await KeyProviders.of(settings).wrap(name, KEY)).wrappingKeyId).toBe('hub-data-keys:v1');
    const without = KeyProviders.of({ ...settings, vaultTransit: null });
    await expect(without.unwrap('vault-transit', name, wrapped)).rejects.toThrow(KeyRefused);
    await expect(without.unwrap('constructor', name, wrapped)).rejects.toMatchObject({ reason: 'unknown_provider' });
  });
});
