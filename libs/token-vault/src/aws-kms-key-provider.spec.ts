import { randomUUID } from 'node:crypto';
import type { OrgId } from '@hub/domain';
import { AwsKmsServer } from '../../../test/support/aws-kms-server';
import { AwsKmsKeyProvider } from './aws-kms-key-provider';
import { KeyUnavailable, type DataKeyName } from './key-provider';
import { KeyProviders } from './key-providers';

const KEY = Buffer.from(Array.from({ length: 32 }, (_, place) => place * 7 + 1));
const CREDENTIALS = ['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY', 'AWS_SESSION_TOKEN', 'AWS_PROFILE'] as const;
const before = Object.fromEntries(CREDENTIALS.map((setting) => [setting, process.env[setting]]));
let name: DataKeyName;
let server: AwsKmsServer;
let arn: string;
let provider: AwsKmsKeyProvider;

const config = () => ({ keyId: 'alias/hub', region: 'eu-central-1', endpoint: server.url });

beforeEach(async () => {
  name = { orgId: randomUUID() as OrgId, id: randomUUID() };
  server = new AwsKmsServer();
  await server.start();
  arn = server.key('alias/hub');
  for (const setting of CREDENTIALS) delete process.env[setting];
  process.env['AWS_ACCESS_KEY_ID'] = server.identity.accessKeyId;
  process.env['AWS_SECRET_ACCESS_KEY'] = server.identity.secretAccessKey;
  provider = await AwsKmsKeyProvider.of(config());
});
afterEach(async () => {
  await server.stop();
  for (const setting of CREDENTIALS) {
    delete process.env[setting];
    if (before[setting] !== undefined) process.env[setting] = before[setting];
  }
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
    provider = await AwsKmsKeyProvider.of(config(), 300);
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
      'the key provider aws-kms cannot be reached Error: AccessDeniedException',
    );
  });
});
