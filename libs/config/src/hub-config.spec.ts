import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ConfigError, parseDurationMs } from './environment';
import { isLoopback, readConfig, type ConfigNeeds } from './hub-config';
import { SECRET_SETTINGS, SETTINGS } from './settings';

const KEY = createHash('sha256').update('one').digest('base64');
const OTHER_KEY = createHash('sha256').update('another').digest('base64');

/** The least that an app which answers callers needs. */
const LEAST = {
  DATABASE_URL: 'postgres://gateway:db-secret@db.internal/hub',
  REDIS_URL: 'redis://:redis-secret@cache.internal:6379',
  TOKEN_KEYS: `k1:${KEY}`,
  AUTH_JWT_SECRET: 'jwt-secret-jwt-secret-jwt-secret-',
  AUTH_ISSUER: 'https://issuer.example',
  AUTH_AUDIENCE: 'hub',
};

const NEEDS: ConfigNeeds = {
  callers: true,
  providers: [
    { id: 'shopify', credentialPrefix: 'SHOPIFY' },
    { id: 'google_drive', credentialPrefix: 'GOOGLE' },
    { id: 'zapier', credentialPrefix: null },
  ],
};

const read = (different: Record<string, string | undefined> = {}, needs: Partial<ConfigNeeds> = {}) =>
  readConfig({ ...LEAST, ...different }, { ...NEEDS, ...needs });

/** What is wrong, sentence by sentence. */
function mistakesOf(
  different: Record<string, string | undefined>,
  needs: Partial<ConfigNeeds> = {},
): readonly string[] {
  try {
    read(different, needs);
  } catch (error) {
    if (error instanceof ConfigError) return error.mistakes;
    throw error;
  }
  return [];
}

describe('the least environment', () => {
  it('gives the documented defaults', () => {
    expect(read()).toMatchObject({
      host: '127.0.0.1',
      port: 3000,
      workerHealthPort: 3001,
      publicUrl: 'http://localhost:3000',
      siteUrl: 'http://localhost:3000',
      redirectAllowList: ['http://localhost:3000', 'http://localhost:3000/integrations'],
      redisPrefix: 'hub',
      trustProxy: [],
      refreshScanEveryMs: 600_000,
      syncEveryMs: 3_600_000,
      connectUnbound: 'confirm',
      keyProvider: 'local',
      vaultTransit: null,
      awsKms: null,
      auditSeal: { keys: [], dir: null, everyMs: 60_000 },
      outbound: { allowPrivate: false, allowHosts: [], proxyUrl: null, noProxy: [] },
      local: null,
      logLevel: 'info',
      auth: { jwksUrl: null, orgClaim: ['org_id'] },
    });
  });

  it('follows PORT and PUBLIC_URL into what stands on them', () => {
    expect(read({ PORT: '8080' })).toMatchObject({
      publicUrl: 'http://localhost:8080',
      siteUrl: 'http://localhost:8080',
    });
    expect(read({ PUBLIC_URL: 'https://hub.example/' }).redirectAllowList).toEqual([
      'https://hub.example',
      'https://hub.example/integrations',
    ]);
  });

  it('knows every provider, configured or not', () => {
    expect(read().providers).toEqual({
      shopify: { credentials: null, scopes: null, endpoints: {} },
      google_drive: { credentials: null, scopes: null, endpoints: {} },
      zapier: { credentials: null, scopes: null, endpoints: {} },
    });
  });

  it('takes a proxy by the names of other programs, in small letters too', () => {
    const proxyUrl = 'http://user:p%40ss@proxy.internal:3128';
    const noProxy = ['.internal', '10.0.0.0/8'];
    const outbound = { proxyUrl, noProxy };
    expect(read({ HTTPS_PROXY: proxyUrl, NO_PROXY: '.internal, 10.0.0.0/8' })).toMatchObject({ outbound });
    expect(read({ https_proxy: proxyUrl, no_proxy: '.internal,10.0.0.0/8' })).toMatchObject({ outbound });
    expect(read({ HTTPS_PROXY: proxyUrl, https_proxy: 'http://other' }).outbound.proxyUrl).toBe(proxyUrl);
  });

  it.each(['proxy.internal:3128', 'socks5://proxy', 'http://user:100%@proxy', 'http://'])(
    'takes no proxy that is none: %s',
    (proxy) => {
      const mistakes = mistakesOf({ HTTPS_PROXY: proxy });
      expect(mistakes).toHaveLength(1);
      expect(mistakes[0]).toMatch(/^HTTPS_PROXY must be/);
      expect(mistakes[0]).not.toContain('100%');
    },
  );

  it('is frozen to its last leaf', () => {
    const frozen = (value: unknown): boolean =>
      typeof value !== 'object' ||
      value === null ||
      ArrayBuffer.isView(value) ||
      (Object.isFrozen(value) && Object.values(value).every(frozen));
    expect(
      frozen(read({ SHOPIFY_CLIENT_ID: 'a', SHOPIFY_CLIENT_SECRET: 'b', REDIRECT_ALLOWLIST: 'https://a.example' })),
    ).toBe(true);
  });

  it('takes what is set to nothing as not set', () => {
    expect(read({ PORT: '', SITE_URL: '  ', REDIS_PREFIX: '' })).toMatchObject({ port: 3000, redisPrefix: 'hub' });
  });

  it('needs no way to verify callers in an app that answers none', () => {
    const none = { AUTH_JWT_SECRET: undefined, AUTH_ISSUER: undefined, AUTH_AUDIENCE: undefined };
    expect(read(none, { callers: false }).auth).toBeNull();
  });
});

describe('every mistake', () => {
  it('is told at once', () => {
    const mistakes = mistakesOf({
      DATABASE_URL: undefined,
      REDIS_URL: 'http://cache',
      TOKEN_KEYS: undefined,
      AUTH_JWT_SECRET: undefined,
      AUTH_ISSUER: undefined,
      PORT: '99999',
      SYNC_EVERY: 'often',
      CONNECT_UNBOUND: 'maybe',
      REDIRECT_ALLOWLIST: '/home',
      TRUST_PROXY: '10.0.0.0/33',
      OUTBOUND_ALLOW_PRIVATE: 'ja',
      LOG_LEVEL: 'loud',
    });
    const named = mistakes.map((mistake) => /^[A-Z_]+/.exec(mistake)?.[0]);
    expect(named.sort()).toEqual([
      'AUTH_ISSUER',
      'AUTH_JWKS_URL',
      'CONNECT_UNBOUND',
      'DATABASE_URL',
      'LOG_LEVEL',
      'OUTBOUND_ALLOW_PRIVATE',
      'PORT',
      'REDIRECT_ALLOWLIST',
      'REDIS_URL',
      'SYNC_EVERY',
      'TOKEN_KEYS',
      'TRUST_PROXY',
    ]);
  });

  it('stands in the message, a line each, with how many there are', () => {
    expect(() => read({ PORT: 'x', LOG_LEVEL: 'y' })).toThrow(
      'The settings have 2 mistakes:\n  - PORT must be a port from 1 to 65535\n  - LOG_LEVEL must be one of',
    );
  });

  it('never echoes a secret', () => {
    const secrets = {
      DATABASE_URL: 'mysql://u:canary-1@h/d',
      REDIS_URL: 'canary-2',
      TOKEN_KEYS: `k1:canary-3,canary-4:${KEY}canary,k1:${KEY}`,
      AUTH_JWT_SECRET: 'canary-5',
      SHOPIFY_CLIENT_SECRET: 'canary-6',
      PUBLIC_URL: 'https://user:canary-7@hub.example',
    };
    const text = mistakesOf(secrets).join('\n');
    expect(text).toMatch(/DATABASE_URL.*\n/);
    expect(text).not.toMatch(/canary-[1235-7]/);
    expect(text).not.toContain(KEY);
  });

  it.each(['0', '-1', '1.5', 'many', '1e3', '2000000000'])('takes %s for no number of sockets', (number) => {
    expect(mistakesOf({ LIVE_SOCKETS_ORG: number })).toEqual([
      'LIVE_SOCKETS_ORG must be a whole number from 1 on, or off',
    ]);
  });

  it('takes a number of sockets, or none at all', () => {
    expect(read({ LIVE_SOCKETS_ORG: '7', LIVE_SOCKETS_GATEWAY: 'off' })).toMatchObject({
      liveSockets: { ofOrg: 7, ofGateway: null },
    });
    expect(read({})).toMatchObject({ liveSockets: { ofOrg: 200, ofGateway: 5_000 } });
  });

  it('takes a number of calls through the proxy, or none at all', () => {
    expect(read({ PROXY_CALLS_ORG: 'off', PROXY_CALLS_GATEWAY: '7' })).toMatchObject({
      proxyCalls: { ofOrg: null, ofGateway: 7 },
    });
    expect(read({})).toMatchObject({ proxyCalls: { ofOrg: 100, ofGateway: 500 } });
  });

  it('takes more connects and bad bearers of one side than guesses, unless told otherwise', () => {
    expect(read({}).limits).toMatchObject({
      guesses: { count: 20, windowMs: 60_000 },
      bearers: { count: 300, windowMs: 60_000 },
      connects: { count: 300, windowMs: 60_000 },
    });
    expect(read({ RATE_LIMIT_BEARERS: 'off', RATE_LIMIT_CONNECTS: '7/1h' }).limits).toMatchObject({
      bearers: null,
      connects: { count: 7, windowMs: 3_600_000 },
    });
  });

  it.each(['20', '0/1m', '20/', '20/1', '20/500ms', '20/1500ms', '-1/1m', '2.5/1m', 'never'])(
    'takes %s for no rate',
    (rate) => {
      expect(mistakesOf({ RATE_LIMIT_GUESSES: rate })).toEqual([
        'RATE_LIMIT_GUESSES must be a rate such as 20/1m (so many in whole seconds, minutes or hours), or off',
      ]);
    },
  );

  it.each([
    [{ PORT: '0' }, ['PORT must be a port from 1 to 65535']],
    [{ PORT: '3000.5' }, ['PORT must be a port from 1 to 65535']],
    [
      { PUBLIC_URL: 'hub.example' },
      ['PUBLIC_URL must be an absolute https or http URL without user, query and fragment'],
    ],
    [
      { PUBLIC_URL: 'https://hub.example?x=1', SITE_URL: 'https://a.example#x' },
      [
        'PUBLIC_URL must be an absolute https or http URL without user, query and fragment',
        'SITE_URL must be an absolute https or http URL without user, query and fragment',
      ],
    ],
    [{ AUTH_JWT_SECRET: 'x'.repeat(31) }, ['AUTH_JWT_SECRET is too short: it needs at least 32 bytes']],
    [
      { AUTH_JWKS_URL: 'ftp://keys' },
      ['AUTH_JWKS_URL must be an absolute https URL (http only to loopback, with OUTBOUND_ALLOW_PRIVATE)'],
    ],
    [{ AUTH_ORG_CLAIM: 'app_metadata..org_id' }, ['AUTH_ORG_CLAIM must be a dotted path such as app_metadata.org_id']],
    [{ KEY_PROVIDER: 'drawer' }, ['KEY_PROVIDER must be one of local, vault-transit, aws-kms']],
    [{ REFRESH_SCAN_EVERY: '0s' }, ['REFRESH_SCAN_EVERY must be a duration such as 30s, 10m or 1h']],
    [{ TRUST_PROXY: '10.0.0.0/8, proxy' }, ['TRUST_PROXY, entry 2: is no address and no CIDR']],
    [{ TRUST_PROXY: '10.0.0.0/8/9' }, ['TRUST_PROXY, entry 1: is no address and no CIDR']],
    [
      { SHOPIFY_CLIENT_ID: 'a' },
      ['SHOPIFY_CLIENT_ID and SHOPIFY_CLIENT_SECRET belong together: the secret is missing'],
    ],
    [
      { SHOPIFY_CLIENT_SECRET: 'a' },
      ['SHOPIFY_CLIENT_ID and SHOPIFY_CLIENT_SECRET belong together: the id is missing'],
    ],
    [
      { REDIRECT_ALLOWLIST: 'https://a.example/#x, javascript:alert(1)' },
      [
        'REDIRECT_ALLOWLIST, URL 1: must not have a fragment',
        'REDIRECT_ALLOWLIST, URL 2: must be an https (or http) URL',
      ],
    ],
    [
      { SITE_URL: 'https://例.example', REDIRECT_ALLOWLIST: 'https://a.example/żółw' },
      [
        'SITE_URL must be written in ASCII without spaces (punycode, %-escapes)',
        'REDIRECT_ALLOWLIST, URL 1: must be written in ASCII without spaces (punycode, %-escapes)',
      ],
    ],
  ])('%j: %j', (different, expected) => {
    expect(mistakesOf(different)).toEqual(expected);
  });
});

describe('the key providers', () => {
  const VAULT = { KEY_PROVIDER: 'vault-transit', VAULT_ADDR: 'https://vault.internal:8200/', VAULT_TOKEN: 's.secret' };
  const KMS = { KEY_PROVIDER: 'aws-kms', AWS_KMS_KEY_ID: 'alias/hub', AWS_REGION: 'eu-central-1' };

  it('are read with their defaults', () => {
    expect(read(VAULT).vaultTransit).toEqual({
      address: 'https://vault.internal:8200',
      token: 's.secret',
      tokenFile: null,
      namespace: null,
      mount: 'transit',
      key: 'hub-data-keys',
      caCert: null,
    });
    expect(read(KMS).awsKms).toEqual({ keyId: 'alias/hub', region: 'eu-central-1', endpoint: null });
  });

  it('are read although another wraps now: what they have wrapped still opens', () => {
    const config = read({ ...VAULT, ...KMS, KEY_PROVIDER: 'local' });
    expect(config).toMatchObject({
      keyProvider: 'local',
      vaultTransit: { token: 's.secret' },
      awsKms: { endpoint: null },
    });
  });

  it('may be on this machine, by plain http', () => {
    expect(read({ ...VAULT, VAULT_ADDR: 'http://127.0.0.1:8200' }).vaultTransit?.address).toBe('http://127.0.0.1:8200');
    const { awsKms } = read({ ...KMS, AWS_KMS_ENDPOINT: 'http://localhost:4566' });
    expect(awsKms?.endpoint).toBe('http://localhost:4566');
  });

  it('may have what they need in files', () => {
    const folder = mkdtempSync(join(tmpdir(), 'config-'));
    try {
      const file = (name: string, content: string): string => {
        writeFileSync(join(folder, name), content);
        return join(folder, name);
      };
      const filed = { ...VAULT, VAULT_TOKEN: undefined, VAULT_TOKEN_FILE: file('token', 's.filed\n') };
      const pem = '-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n';
      const { vaultTransit } = read({ ...filed, VAULT_CACERT: file('ca.pem', pem) });
      expect(vaultTransit).toMatchObject({ token: null, tokenFile: join(folder, 'token'), caCert: pem });
      expect(mistakesOf({ ...filed, VAULT_CACERT: file('no.pem', 'x') })).toEqual([
        'VAULT_CACERT: the file holds no certificate in PEM',
      ]);
      expect(mistakesOf({ ...filed, VAULT_CACERT: join(folder, 'absent') })).toEqual([
        'VAULT_CACERT: the file cannot be read (ENOENT)',
      ]);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it.each([
    [
      { KEY_PROVIDER: 'vault-transit' },
      [
        'VAULT_ADDR is missing: where HashiCorp Vault or OpenBao is',
        'VAULT_TOKEN is missing: set it, or VAULT_TOKEN_FILE to the file that holds it',
      ],
    ],
    [
      { ...VAULT, VAULT_ADDR: 'http://vault.internal' },
      ['VAULT_ADDR must be https: plain http is for this machine alone'],
    ],
    [
      { ...VAULT, VAULT_ADDR: 'vault' },
      ['VAULT_ADDR must be an absolute https or http URL without user, query and fragment'],
    ],
    [
      { ...VAULT, VAULT_TRANSIT_MOUNT: 'a/../sys' },
      ['VAULT_TRANSIT_MOUNT must be the path of a secrets engine, such as transit'],
    ],
    [{ ...VAULT, VAULT_TRANSIT_KEY: 'a/b' }, ['VAULT_TRANSIT_KEY must be a name of letters, digits, _, - and .']],
    [
      { KEY_PROVIDER: 'aws-kms' },
      [
        'AWS_KMS_KEY_ID is missing: id, ARN or alias of the KMS key that wraps data keys',
        'AWS_REGION is missing: the region of that KMS key',
      ],
    ],
    [
      { ...KMS, AWS_KMS_ENDPOINT: 'http://kms.internal' },
      ['AWS_KMS_ENDPOINT must be https: plain http is for this machine alone'],
    ],
    [
      { ...KMS, AWS_KMS_KEY_ID: 'arn:aws:kms:us-east-1:111122223333:key/1234abcd' },
      ['AWS_REGION must be us-east-1, the region of the ARN in AWS_KMS_KEY_ID'],
    ],
    [{ ...KMS, AWS_KMS_KEY_ID: 'arn:aws:kms:eu-central-1:111122223333:alias/hub' }, []],
    [
      { KEY_PROVIDER: 'aws-kms', AWS_KMS_KEY_ID: 'arn:aws:kms:eu-central-1:111122223333:alias/hub' },
      ['AWS_REGION is missing: the region of that KMS key'],
    ],
  ])('%j: %j', (different, expected) => {
    expect([...mistakesOf(different)].sort()).toEqual([...expected].sort());
  });
});

describe('a secret in a file', () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'config-'));
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  const file = (name: string, content: string): string => {
    writeFileSync(join(folder, name), content);
    return join(folder, name);
  };

  it('counts as if it stood in the environment, without the line break at its end', () => {
    const config = read({
      DATABASE_URL: undefined,
      DATABASE_URL_FILE: file('url', 'postgres://a:b@c/d\n'),
      GOOGLE_CLIENT_ID: 'id',
      GOOGLE_CLIENT_SECRET_FILE: file('secret', 'new,old\n'),
    });
    expect(config.databaseUrl).toBe('postgres://a:b@c/d');
    expect(config.providers.google_drive?.credentials).toEqual({ clientId: 'id', clientSecrets: ['new', 'old'] });
  });

  it('gives way to the environment itself', () => {
    expect(read({ DATABASE_URL_FILE: file('other', 'postgres://other/d') }).databaseUrl).toBe(LEAST.DATABASE_URL);
  });

  it('that cannot be read is told once, without its content', () => {
    expect(mistakesOf({ SITE_URL_FILE: join(folder, 'absent') })).toEqual([
      'SITE_URL_FILE: the file cannot be read (ENOENT)',
    ]);
  });

  describe('with other addresses for providers', () => {
    const endpoints = (content: unknown): string =>
      file('endpoints.json', typeof content === 'string' ? content : JSON.stringify(content));

    it('replaces what it names, placeholders included', () => {
      const PROVIDER_ENDPOINTS_FILE = endpoints({ shopify: { tokenUrl: 'http://localhost:4000/{shop}/token' } });
      expect(read({ PROVIDER_ENDPOINTS_FILE }).providers.shopify?.endpoints).toEqual({
        tokenUrl: 'http://localhost:4000/{shop}/token',
      });
    });

    it.each([
      [{ dropbox: {} }, /names "dropbox", which is no provider; known are shopify, google_drive, zapier/],
      [{ shopify: { tokenURL: 'http://a' } }, /shopify: Unrecognized key: "tokenURL"/],
      [{ shopify: { tokenUrl: '/token' } }, /shopify: tokenUrl: must be an absolute http or https URL/],
      [{ shopify: { tokenUrl: 'file:///x' } }, /shopify: tokenUrl: must be an absolute http or https URL/],
      [{ shopify: [] }, /shopify: Invalid input/],
      ['{ not json', /the file is no valid JSON/],
      ['[]', /Invalid input/],
    ])('refuses %j', (content, expected) => {
      const mistakes = mistakesOf({ PROVIDER_ENDPOINTS_FILE: endpoints(content) });
      expect(mistakes).toEqual([expect.stringMatching(expected)]);
      expect(mistakes[0]).toMatch(/^PROVIDER_ENDPOINTS_FILE/);
    });

    it('that is not there is told', () => {
      expect(mistakesOf({ PROVIDER_ENDPOINTS_FILE: join(folder, 'absent') })).toEqual([
        'PROVIDER_ENDPOINTS_FILE: the file cannot be read (ENOENT)',
      ]);
    });
  });
});

describe('TOKEN_KEYS', () => {
  const base64 = (bytes: number[]): string => Buffer.from(bytes).toString('base64');

  it('keeps the keys in their order', () => {
    const { tokenKeys } = read({ TOKEN_KEYS: `new:${KEY}, old:${OTHER_KEY}` });
    expect(tokenKeys.map(({ id }) => id)).toEqual(['new', 'old']);
    expect(tokenKeys[0]?.key.toString('base64')).toBe(KEY);
  });

  it.each([
    ['is missing', undefined, /^TOKEN_KEYS is missing: make a key with/],
    ['holds no key at all', ' , ', /^TOKEN_KEYS is missing: make a key with/],
    ['has no id', KEY, /key 1: must be `id:base64`/],
    ['has an id with a dot, which ends it in a sealed value', `a.b:${KEY}`, /key 1: must be `id:base64`/],
    ['has an id that is too long', `${'a'.repeat(33)}:${KEY}`, /key 1: must be `id:base64`/],
    ['is no base64', 'k1:!!!!', /key 1: the key must be base64/],
    ['is short', `k1:${base64([1, 2, 3])}`, /key 1: the key must be 32 bytes long, it has 3/],
    ['is long', `k1:${base64(Array.from({ length: 33 }, (_, place) => place))}`, /32 bytes long, it has 33/],
    ['is all zeros', `k1:${base64(Array(32).fill(0))}`, /key 1: the key is not random/],
    [
      'is a phrase of many letters',
      `k1:${Buffer.from('The quick brown fox jumps, 13 dogs').subarray(0, 32).toString('base64')}`,
      /not random/,
    ],
    ['counts up', `k1:${base64(Array.from({ length: 32 }, (_, place) => place))}`, /not random/],
    ['counts down', `k1:${base64(Array.from({ length: 32 }, (_, place) => 31 - place))}`, /not random/],
    ['counts by sevens', `k1:${base64(Array.from({ length: 32 }, (_, place) => place * 7 + 1))}`, /not random/],
    [
      'is a phrase with its line break',
      `k1:${Buffer.from('Sphinx of quartz judge my vow!!\n').toString('base64')}`,
      /not random/,
    ],
    ['is a repeated phrase', `k1:${Buffer.from('correct horse battery staple co!').toString('base64')}`, /not random/],
    ['has one id twice', `k1:${KEY},k1:${OTHER_KEY}`, /^TOKEN_KEYS names one id twice/],
    ['has one key under two ids', `k1:${KEY},k2:${KEY}`, /^TOKEN_KEYS holds one key under two ids/],
  ])('that %s is refused', (_what, TOKEN_KEYS, expected) => {
    expect(mistakesOf({ TOKEN_KEYS })).toEqual([expect.stringMatching(expected)]);
  });
});

describe('AUDIT_SEAL_KEY', () => {
  it('is no key of TOKEN_KEYS', () => {
    expect(mistakesOf({ TOKEN_KEYS: `k1:${OTHER_KEY},k2:${KEY}`, AUDIT_SEAL_KEY: `s1:${KEY}` })).toEqual([
      'AUDIT_SEAL_KEY and TOKEN_KEYS share a key: whoever may open tokens could forge seals. Make another one',
    ]);
  });

  it('is a list of keys as TOKEN_KEYS is, and may be missing', () => {
    const another = createHash('sha256').update('a third').digest('base64');
    const { auditSeal } = read({ AUDIT_SEAL_KEY: `s2:${OTHER_KEY},s1:${another}`, AUDIT_SEAL_DIR: '/seals' });
    expect(auditSeal.keys.map(({ id }) => id)).toEqual(['s2', 's1']);
    expect(auditSeal).toMatchObject({ dir: '/seals', everyMs: 60_000 });
    expect(read().auditSeal.keys).toEqual([]);
  });

  it.each([
    [KEY, /^AUDIT_SEAL_KEY, key 1: must be `id:base64`/],
    [
      `s1:${OTHER_KEY},s1:${createHash('sha256').update('a third').digest('base64')}`,
      /^AUDIT_SEAL_KEY names one id twice/,
    ],
    ['s1:short', /^AUDIT_SEAL_KEY, key 1: the key must be/],
  ])('that cannot be used is told without it: %#', (AUDIT_SEAL_KEY, expected) => {
    const mistakes = mistakesOf({ AUDIT_SEAL_KEY });
    expect(mistakes).toEqual([expect.stringMatching(expected)]);
    expect(mistakes[0]).not.toContain(KEY);
  });
});

describe('HUB_LOCAL', () => {
  it('holds the org of the local console', () => {
    const org = '6b1f3c9e-2f5d-4c1a-9b7e-0d3a5e8c7f21';
    expect(read({ HUB_LOCAL: 'true', HUB_LOCAL_ORG_ID: org }).local).toEqual({ orgId: org });
  });

  it.each([
    ['listens to all', { HOST: '0.0.0.0' }],
    ['listens to all, by IPv6', { HOST: '::' }],
    ['listens to a network', { HOST: '192.168.0.4' }],
    ['is reached under a name', { PUBLIC_URL: 'https://hub.example' }],
    ['is reached under a name that begins as the loopback', { PUBLIC_URL: 'http://127.0.0.1.evil.example' }],
    ['is reached under a name like the loopback', { PUBLIC_URL: 'http://localhost.evil.example' }],
  ])('is refused where the hub %s', (_what, different) => {
    expect(mistakesOf({ HUB_LOCAL: 'true', ...different })).toEqual([
      expect.stringMatching(/^HUB_LOCAL signs everyone in/),
    ]);
  });

  it('takes no org that is none', () => {
    expect(mistakesOf({ HUB_LOCAL: '1', HUB_LOCAL_ORG_ID: 'acme' })).toEqual(['HUB_LOCAL_ORG_ID must be a UUID']);
  });

  it.each([
    ['localhost', true],
    ['LOCALHOST', true],
    ['127.0.0.1', true],
    ['127.9.9.9', true],
    ['::1', true],
    ['[::1]', true],
    ['0.0.0.0', false],
    ['128.0.0.1', false],
    ['127.0.0.1.evil.example', false],
    ['', false],
  ])('%s is loopback: %s', (host, is) => {
    expect(isLoopback(host)).toBe(is);
  });
});

describe('a duration', () => {
  it.each([
    ['250ms', 250],
    ['30s', 30_000],
    ['10m', 600_000],
    ['1.5h', 5_400_000],
    ['7d', 604_800_000],
    ['0s', undefined],
    ['0.1ms', undefined],
    ['10', undefined],
    ['10 m', undefined],
    ['-5m', undefined],
    ['m', undefined],
    ['1h30m', undefined],
    ['1e3s', undefined],
    ['', undefined],
  ])('%j is %j ms', (text, expected) => {
    expect(parseDurationMs(text)).toBe(expected);
  });
});

describe('scopes of a provider', () => {
  it.each([
    ['a,b c', ['a', 'b', 'c']],
    ['a', ['a']],
    [undefined, null],
  ])('%j are %j', (SHOPIFY_SCOPES, expected) => {
    expect(read({ SHOPIFY_SCOPES }).providers.shopify?.scopes).toEqual(expected);
  });
});

describe('where notices are heard', () => {
  it('is the database’s own URL, unless another is given', () => {
    expect(read({}).databaseNoticesUrl).toBe(LEAST.DATABASE_URL);
    const straight = 'postgres://a:b@postgres/d';
    expect(read({ DATABASE_NOTICES_URL: straight })).toMatchObject({
      databaseUrl: LEAST.DATABASE_URL,
      databaseNoticesUrl: straight,
    });
  });

  it('must be PostgreSQL, and what was given instead is not repeated', () => {
    expect(mistakesOf({ DATABASE_NOTICES_URL: 'mysql://a:canary@c/d' })).toEqual([
      'DATABASE_NOTICES_URL must be a URL that starts with postgres:// or postgresql://',
    ]);
  });
});

describe('the list of settings', () => {
  it('names each once, with a meaning', () => {
    const names = SETTINGS.map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
    for (const { meaning } of SETTINGS) expect(meaning).not.toBe('');
  });

  it.each([
    'DATABASE_URL',
    'DATABASE_NOTICES_URL',
    'DATABASE_ADMIN_URL',
    'REDIS_URL',
    'AUTH_JWT_SECRET',
    'TOKEN_KEYS',
    'AUDIT_SEAL_KEY',
  ])('%s is a secret', (name) => {
    expect(SECRET_SETTINGS).toContain(name);
  });
});

describe('telemetry', () => {
  it.each([
    ['OTEL_EXPORTER_OTLP_ENDPOINT', 'collector:4318', /OTEL_EXPORTER_OTLP_ENDPOINT/],
    ['OTEL_EXPORTER_OTLP_PROTOCOL', 'grpc', /OTEL_EXPORTER_OTLP_PROTOCOL.*http\/protobuf/],
    [
      'OTEL_EXPORTER_OTLP_METRICS_ENDPOINT',
      'collector:4318',
      /OTEL_EXPORTER_OTLP_METRICS_ENDPOINT must be an absolute/,
    ],
    ['OTEL_EXPORTER_OTLP_TRACES_PROTOCOL', 'grpc', /OTEL_EXPORTER_OTLP_TRACES_PROTOCOL.*http\/protobuf/],
    ['OTEL_LOGS_EXPORTER', 'console', /OTEL_LOGS_EXPORTER must be one of none, otlp/],
    ['OTEL_METRIC_EXPORT_INTERVAL', '15s', /OTEL_METRIC_EXPORT_INTERVAL must be milliseconds/],
    ['OTEL_TRACES_SAMPLER_ARG', '5%', /OTEL_TRACES_SAMPLER_ARG must be a number from 0 to 1/],
    ['OTEL_SDK_DISABLED', 'no', /OTEL_SDK_DISABLED/],
    ['OTEL_EXPORTER_OTLP_HEADERS_FILE', '/nowhere', /OTEL_EXPORTER_OTLP_HEADERS_FILE: the file cannot be read/],
  ])('%s=%s is a mistake', (name, value, words) => {
    expect(mistakesOf({ [name]: value })).toEqual([expect.stringMatching(words)]);
  });

  it('may be as OpenTelemetry has it', () => {
    const set = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector:4318', OTEL_TRACES_SAMPLER_ARG: '0.05' };
    expect(mistakesOf({ ...set, OTEL_SDK_DISABLED: 'true', OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json' })).toEqual([]);
  });
});

describe('the certificates of Redis', () => {
  it('are for a line with TLS alone', () => {
    expect(mistakesOf({ REDIS_CACERT: 'package.json' })).toEqual([
      'REDIS_CACERT: the file holds no certificate in PEM',
    ]);
  });
});
