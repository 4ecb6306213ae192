import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { providerCatalog, ProviderRegistry, speaksOAuth, type OAuthProvider } from '@hub/providers';
import fc from 'fast-check';

const lib = join(__dirname, '../../libs/providers');
const oauth = new ProviderRegistry({}).all().filter(speaksOAuth);
const webhooks = new ProviderRegistry({})
  .all()
  .flatMap(({ definition }) => (definition.authMode === 'webhook_url' ? [definition] : []));
const each = <T extends { id: string }>(definitions: readonly T[]) =>
  definitions.map((definition) => [definition.id, definition] as const);

describe('the catalog', () => {
  it('lists every folder, and every definition is named as its folder', () => {
    const folders = readdirSync(join(lib, 'src/catalog'), { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map((entry) => entry.name);
    expect(providerCatalog.map(({ id }) => id)).toEqual(folders.sort());
  });

  it('is generated, and up to date', () => {
    const check = spawnSync(process.execPath, [join(lib, 'generate-catalog.mjs'), '--check'], { encoding: 'utf8' });
    expect(check).toMatchObject({ status: 0, stderr: '' });
  });

  it('gives every provider a prefix of its own', () => {
    const prefixes = providerCatalog
      .map(({ credentialPrefix }) => credentialPrefix)
      .filter((prefix) => prefix !== null);
    expect(new Set(prefixes).size).toBe(prefixes.length);
    for (const prefix of prefixes) expect(prefix).toMatch(/^[A-Z][A-Z0-9_]*$/);
  });
});

describe.each(each(providerCatalog))('the definition of %s', (_id, definition) => {
  it('has an id that fits a path, a label, and the page of its facts', () => {
    expect(definition.id).toMatch(/^[a-z][a-z0-9_]{1,39}$/);
    expect(definition.label.trim()).not.toBe('');
    expect(definition.docsUrl).toMatch(/^https:\/\//);
  });

  it('names https addresses, and no placeholder but its inputs', () => {
    const names: readonly string[] = definition.inputs.map(({ name }) => name);
    for (const [field, address] of Object.entries(definition.endpoints)) {
      if (address === null) continue;
      const placeholders = [...address.matchAll(/\{(\w+)\}/g)].map((match) => match[1]);
      expect(names).toEqual(expect.arrayContaining(placeholders));
      const url = new URL(address.replaceAll(/\{\w+\}/g, 'placeholder.example'));
      expect([field, url.protocol, url.hash, url.username]).toEqual([field, 'https:', '', '']);
    }
    expect(new URL(definition.endpoints.apiBaseUrl.replaceAll(/\{\w+\}/g, 'p.example')).pathname).toBe('/');
  });

  it('takes its own example as input, and keeps what it has normalised', () => {
    for (const input of definition.inputs) {
      const kept = input.normalise(input.example);
      expect(kept).toBeDefined();
      expect(input.normalise(kept ?? '')).toBe(kept);
    }
  });

  it('takes any text as input without a throw, and lets none out of its address', () => {
    for (const input of definition.inputs) {
      const text = fc.oneof(fc.string(), fc.string({ unit: 'binary' }), fc.webUrl(), fc.domain());
      fc.assert(
        fc.property(text, (typed) => {
          const kept = input.normalise(typed);
          if (kept === undefined) return;
          expect(input.normalise(kept)).toBe(kept);
          expect(kept).toMatch(/^[\x21-\x7e]{1,512}$/);
          if (!input.secret) expect(new URL(`https://${kept}/x`).host).toBe(kept);
        }),
      );
    }
  });

  it('refreshes in one way', () => {
    const { mode, retry } = definition.refresh;
    if (mode === 'recheck') expect(definition.authMode).toBe('webhook_url');
    expect(retry).toMatch(/^(nonRotating|idempotent|grace:[1-9]\d*|probe|none)$/);
  });
});

describe.each(each(webhooks))('the webhook of %s', (_id, definition) => {
  const url = definition.inputs[0]?.example ?? '';

  it('is sent to at a pace, the same whoever asks', () => {
    const paces = definition.sendPaces(url);
    expect(paces.length).toBeGreaterThan(0);
    for (const { burst, everyMs } of paces) {
      expect(burst).toBeGreaterThanOrEqual(1);
      expect(everyMs).toBeGreaterThan(0);
    }
    expect(definition.sendPaces(url)).toEqual(paces);
  });

  it('is named by hashes alone where its pace is kept', () => {
    for (const { key } of definition.sendPaces(url)) {
      expect(key).toMatch(/^[a-z-]+-[0-9a-f]{32}$/);
      for (const part of new URL(url).pathname.split('/').filter((text) => text.length > 3))
        expect(key.replace(/^[a-z-]+-(?=[0-9a-f]{32}$)/, '')).not.toContain(part);
    }
  });
});

describe.each(oauth.map((provider) => [provider.definition.id, provider] as const))(
  'the OAuth manners of %s',
  (_id, provider) => {
    const definition: OAuthProvider = provider.definition;

    it('switch PKCE off for a stated reason only', () => {
      const { authorize } = definition;
      if (authorize.pkce === 'off') expect(authorize.pkceOffBecause.length).toBeGreaterThan(20);
    });

    it('do not touch the parameters that the hub answers for', () => {
      const own = ['client_id', 'redirect_uri', 'state', 'scope', 'response_type', 'include_granted_scopes'];
      const params = Object.keys(definition.authorize.params);
      expect(params.filter((name) => own.includes(name) || name.startsWith('code_challenge'))).toEqual([]);
    });

    it('have a probe where the API is asked before a refresh', () => {
      if (definition.refresh.mode === 'reactive' || definition.refresh.retry === 'probe')
        expect(definition.probe).toBeDefined();
    });

    it('say how a grant is given back', () => {
      const { manner, request } = definition.revoke;
      expect(request === undefined).toBe(manner === 'none');
      if (manner === 'token' || manner === 'grant') expect(definition.endpoints.revokeUrl).not.toBeNull();
    });

    it('name a right once, however often it is normalised', () => {
      const words = fc.array(fc.oneof(fc.constantFrom(...provider.requestedScopes, 'email', 'write_x'), fc.string()));
      fc.assert(
        fc.property(words, (scopes) => {
          const once = definition.scopes.normalise(scopes);
          expect(definition.scopes.normalise(once)).toEqual(once);
          expect(new Set(once).size).toBe(once.length);
        }),
      );
    });

    it('ask for scopes only where there are any', () => {
      expect(provider.requestedScopes.length > 0).toBe(definition.scopes.separator !== null);
    });
  },
);
