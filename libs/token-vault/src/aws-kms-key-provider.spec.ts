import { randomUUID } from 'node:crypto';
import type { OrgId } from '@hub/domain';
import { AwsKmsServer, wearCredentials } from '../../../test/support/aws-kms-server';
import { ConnectProxy } from '../../../test/support/connect-proxy';
import { AwsKmsKeyProvider } from './aws-kms-key-provider';
import { KeyUnavailable, type DataKeyName } from './key-provider';
import { KeyProviders } from './key-providers';

const KEY = Buffer.from(Array.from({ length: 32 }, (_, place) => place * 7 + 1));
let name: DataKeyName;
let server: AwsKmsServer;
let arn: string;
let provider: AwsKmsKeyProvider;
let takeOff: () => void;

const config = () => ({ keyId: 'alias/hub', region: 'eu-central-1', endpoint: server.url });

beforeEach(async () => {
  name = { orgId: randomUUID() as OrgId, id: randomUUID() };
  server = new AwsKmsServer();
  await server.start();
  arn = server.key('alias/hub');
  takeOff = wearCredentials(server.identity);
  provider = await AwsKmsKeyProvider.of(config());
});
afterEach(async () => {
  await server.stop();
  takeOff();
});

const asked = () => server.asked.map(({ headers }) => headers['x-amz-target']);

describe('a data key that AWS KMS wraps', () => {
  it('opens again, and names the key by its ARN, not by what it is called today', async () => {
    const wrapped = await provider.wrap(name, KEY);
    expect(wrapped).toEqual({ wrappingKeyId: arn, wrapped: expect.any(String) });
    expect(wrapped.wrapped).not.toContain(KEY.toString('base64'));
    expect(await provider.unwrap(name, wrapped)).toEqual(KEY);
    expect(asked()).toEqual(['TrentService.Encrypt', 'TrentService.Decrypt']);
  });

  it('is bound to its org and its id: as another’s it is refused', async () => {
    const wrapped = await provider.wrap(name, KEY);
    for (const other of [{ id: randomUUID() }, { orgId: randomUUID() as OrgId }]) {
      const theirs = { ...name, ...other };
      await expect(provider.unwrap(theirs, wrapped)).rejects.toMatchObject({ reason: 'not_authentic' });
      await expect(provider.rewrap(theirs, wrapped)).rejects.toMatchObject({ reason: 'not_authentic' });
    }
    expect(JSON.parse(server.asked[0]?.body ?? '')).toMatchObject({
      EncryptionContext: { hub: 'hub/1 data key', org_id: name.orgId, data_key_id: name.id },
    });
  });

  it('is wrapped anew by the key that the alias means now, within KMS', async () => {
    const wrapped = await provider.wrap(name, KEY);
    const next = server.key('alias/hub');
    expect(await provider.unwrap(name, wrapped)).toEqual(KEY);
    const again = await provider.rewrap(name, wrapped);
    expect(again.wrappingKeyId).toBe(next);
    expect(asked().at(-1)).toBe('TrentService.ReEncrypt');
    expect(await provider.unwrap(name, again)).toEqual(KEY);
  });

  it('is refused if it is forged, or of another key than its row says', async () => {
    const wrapped = await provider.wrap(name, KEY);
    const forged = { ...wrapped, wrapped: wrapped.wrapped.slice(0, -8) + 'AAAAAAAA' };
    await expect(provider.unwrap(name, forged)).rejects.toMatchObject({ name: 'KeyRefused', reason: 'not_authentic' });
    const moved = { ...wrapped, wrappingKeyId: server.key('alias/other') };
    await expect(provider.unwrap(name, moved)).rejects.toMatchObject({ name: 'KeyRefused', reason: 'not_authentic' });
  });

  it('is refused once its key is deleted; that none can be made then is an outage', async () => {
    const wrapped = await provider.wrap(name, KEY);
    server.forget(arn);
    await expect(provider.unwrap(name, wrapped)).rejects.toMatchObject({ name: 'KeyRefused', reason: 'unknown_key' });
    await expect(provider.wrap(name, KEY)).rejects.toThrow(KeyUnavailable);
    await expect(provider.health()).rejects.toThrow(KeyUnavailable);
  });

  it('is made by whoever the settings name, and by nobody without them', async () => {
    const settings = { tokenKeys: [], keyProvider: 'aws-kms', awsKms: config() } as const;
    expect((await KeyProviders.of(settings).wrap(name, KEY)).wrappingKeyId).toBe(arn);
    const without = KeyProviders.of({ ...settings, awsKms: null });
    await expect(without.wrap(name, KEY)).rejects.toMatchObject({ reason: 'unknown_provider' });
  });
});

describe('AWS KMS that cannot be asked', () => {
  async function expectAway(): Promise<void> {
    const wrapped = { wrappingKeyId: arn, wrapped: 'AAAA' };
    const questions = [
      provider.wrap(name, KEY),
      provider.unwrap(name, wrapped),
      provider.rewrap(name, wrapped),
      provider.health(),
    ];
    for (const end of await Promise.allSettled(questions))
      expect(end).toMatchObject({ status: 'rejected', reason: { name: 'KeyUnavailable' } });
  }

  it.each([
    ['NotFoundException', 'there is no key AWS_KMS_KEY_ID in the region eu-central-1', 'set AWS_REGION to'],
    ['DisabledException', 'the key is disabled', 'enable the key in AWS KMS'],
    ['KMSInvalidStateException', 'the key’s deletion is scheduled', 'cancel the deletion'],
    ['AccessDeniedException', 'the credentials may not use the key', 'allow them kms:Encrypt, kms:Decrypt'],
    ['InvalidKeyUsageException', 'the key does not encrypt and decrypt', 'set AWS_KMS_KEY_ID to a symmetric key'],
  ])('says what an operator mends about the key, and that it is about this key alone: %s', async (type, why, mend) => {
    server.ill = { type };
    const error = await provider.wrap(name, KEY).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({
      name: 'KeyUnavailable',
      cause: { message: expect.stringContaining(`${type}: ${why}`) },
      mend: expect.stringContaining(mend),
      isOfOneKey: true,
    });
  });

  it.each([
    ['UnrecognizedClientException', 'give the apps AWS credentials that are valid now'],
    ['ExpiredTokenException', 'give the apps AWS credentials that are valid now'],
    [
      'InvalidSignatureException',
      'check the secret of the AWS credentials, and that AWS_KMS_ENDPOINT is in AWS_REGION',
    ],
    ['ThrottlingException', undefined],
  ])('says what an operator mends about the way to KMS: %s', async (type, mend) => {
    server.ill = { type };
    const error = await provider.wrap(name, KEY).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ name: 'KeyUnavailable', isOfOneKey: false });
    expect((error as KeyUnavailable).mend).toBe(mend);
  });

  it.each([
    ['ThrottlingException', 400],
    ['KMSInternalException', 500],
    ['DependencyTimeoutException', 503],
    ['AccessDeniedException', 400],
    ['ExpiredTokenException', 400],
    ['UnrecognizedClientException', 400],
    ['DisabledException', 400],
    ['KMSInvalidStateException', 400],
    ['KeyUnavailableException', 500],
  ])('is an outage: %s', async (type, status) => {
    server.ill = { type, status };
    await expectAway();
  });

  it('is an outage once its time is over', async () => {
    provider = await AwsKmsKeyProvider.of(config(), {}, 300);
    server.ill = 'silent';
    const from = performance.now();
    await expectAway();
    expect(performance.now() - from).toBeLessThan(4_000);
  });

  it('is an outage where nobody listens, and passes with it', async () => {
    const wrapped = await provider.wrap(name, KEY);
    await server.stop();
    await expectAway();
    await server.start();
    expect(await provider.unwrap(name, wrapped)).toEqual(KEY);
    await provider.health();
  });

  it('is asked through the proxy, by its name, since its address may be known there alone', async () => {
    const proxy = await ConnectProxy.open(() => 0);
    proxy.instead = (socket) => void socket.end('HTTP/1.1 407 Proxy Authentication Required\r\n\r\n');
    try {
      provider = await AwsKmsKeyProvider.of({ ...config(), endpoint: null }, { proxyUrl: proxy.url() });
      await expect(provider.wrap(name, KEY)).rejects.toMatchObject({
        name: 'KeyUnavailable',
        cause: { message: 'proxy: the proxy does not lead there' },
        mend: 'check HTTPS_PROXY, or name the host in NO_PROXY',
      });
      expect(new Set(proxy.targets)).toEqual(new Set(['kms.eu-central-1.amazonaws.com:443']));
    } finally {
      await proxy.close();
    }
  });

  it('is an outage while the signature is not that of the key’s owner', async () => {
    process.env['AWS_SECRET_ACCESS_KEY'] = 'another';
    provider = await AwsKmsKeyProvider.of(config());
    await expectAway();
    expect(server.asked.length).toBeGreaterThan(0);
  });

  it('says the name of what KMS answered and nothing that it repeats', async () => {
    server.ill = { type: 'AccessDeniedException' };
    const error = await provider.wrap(name, KEY).catch((thrown: unknown) => thrown as KeyUnavailable);
    if (!(error instanceof KeyUnavailable)) throw new Error('it was to be away');
    expect(`${error.message} ${String(error.cause)}`).toBe(
      'the key provider aws-kms cannot be reached Error: AccessDeniedException: the credentials may not use the key',
    );
  });
});

describe('AWS KMS of another region than the key’s', () => {
  let there: AwsKmsServer;
  let wrong: AwsKmsKeyProvider;
  beforeEach(async () => {
    there = new AwsKmsServer('us-east-1', server.identity.secretAccessKey);
    await there.start();
    wrong = await AwsKmsKeyProvider.of({ keyId: 'alias/hub', region: 'us-east-1', endpoint: there.url });
  });
  afterEach(() => there.stop());

  it('is an outage with the setting to mend, for a wrapped key too: it is found as soon as the setting is right', async () => {
    const wrapped = await provider.wrap(name, KEY);
    const told = {
      name: 'KeyUnavailable',
      cause: {
        message: 'NotFoundException: a data key is wrapped by a key of eu-central-1, and AWS_REGION is us-east-1',
      },
      mend: 'set AWS_REGION to eu-central-1',
      isOfOneKey: true,
    };
    await expect(wrong.unwrap(name, wrapped)).rejects.toMatchObject(told);
    await expect(wrong.rewrap(name, wrapped)).rejects.toMatchObject(told);
    expect(there.asked.length).toBeGreaterThan(0);
    expect(await provider.unwrap(name, wrapped)).toEqual(KEY);
  });

  it('has no such alias', async () => {
    for (const ask of [() => wrong.wrap(name, KEY), () => wrong.health()])
      await expect(ask()).rejects.toMatchObject({
        name: 'KeyUnavailable',
        cause: { message: 'NotFoundException: there is no key AWS_KMS_KEY_ID in the region us-east-1' },
        mend: 'set AWS_REGION to the region of the key, or AWS_KMS_KEY_ID to a key that is there',
      });
  });

  it('is not hidden by another key of the same alias: what was wrapped before still waits', async () => {
    const wrapped = await provider.wrap(name, KEY);
    there.key('alias/hub');
    await wrong.health();
    await expect(wrong.unwrap(name, wrapped)).rejects.toThrow(KeyUnavailable);
  });

  it('takes no signature of this one', async () => {
    const astray = await AwsKmsKeyProvider.of({ ...config(), endpoint: there.url });
    const error = await astray.wrap(name, KEY).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({
      name: 'KeyUnavailable',
      cause: { message: expect.stringMatching(/^InvalidSignatureException/) },
    });
  });
});
