import { randomBytes } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { builtinModules } from 'node:module';
import path from 'node:path';
import { readConfig, SETTINGS } from '@hub/config';
import { configurableProviders } from '@hub/providers';
import { createSandbox } from '../../apps/sandbox/src/server';
import { readPlainYaml, type PlainYaml } from '../support/plain-yaml';

/** There is no container engine in the tests: this reads the files for what can be known without one. */
const root = path.join(__dirname, '../..');
const read = (file: string) => readFileSync(path.join(root, file), 'utf8');

type Map = Record<string, PlainYaml>;

const base = readPlainYaml(read('docker-compose.yml'));
const overlay = readPlainYaml(read('deploy/docker/sandbox.yml'));
const services = base['services'] as Record<string, Map>;
const APPS = ['gateway', 'refresh-worker', 'metadata-sync-worker'] as const;

const given = {
  ...Object.fromEntries(envNames(read('deploy/docker/env.example')).map((name) => [name, ''])),
  POSTGRES_ADMIN_PASSWORD: 'a1',
  POSTGRES_GATEWAY_PASSWORD: 'b2',
  POSTGRES_REFRESH_WORKER_PASSWORD: 'c3',
  POSTGRES_SYNC_WORKER_PASSWORD: 'c4',
  REDIS_PASSWORD: 'd4',
  TOKEN_KEYS: `k1:${randomBytes(32).toString('base64')}`,
  AUTH_JWT_SECRET: 'e'.repeat(64),
};

/** The environment of a service as compose would hand it over. */
function environmentOf(service: string, withSandbox = false): Record<string, string> {
  const over = (overlay['services'] as Record<string, Map>)[service];
  const merged = { ...(services[service]?.['environment'] as Map), ...(withSandbox && (over?.['environment'] as Map)) };
  return Object.fromEntries(
    Object.entries(merged).map(([name, value]) => [name, typeof value === 'string' ? filled(value) : '']),
  );
}

/** `${NAME}`, `${NAME:-default}` and `${NAME:?complaint}`, as compose reads them. */
function filled(text: string): string {
  return text.replaceAll(/\$\{([A-Z_]+)(?::([-?])([^}]*))?\}/g, (_whole, name: keyof typeof given, kind, rest) => {
    const value = given[name] || '';
    if (value === '' && kind === '?') throw new Error(`${name} is required: ${rest}`);
    return value === '' && kind === '-' ? String(rest) : value;
  });
}

function envNames(text: string): string[] {
  return [...text.matchAll(/^([A-Z_]+)=/gm)].map((match) => match[1] ?? '');
}

describe('docker-compose.yml', () => {
  it('runs PostgreSQL, Redis, the migration and every app', () => {
    expect(Object.keys(services).sort()).toEqual([...APPS, 'migrate', 'postgres', 'redis'].sort());
  });

  it.each(APPS)('gives %s settings that it can start with', (app) => {
    const needs = { providers: configurableProviders, callers: app === 'gateway' };
    expect(readConfig(environmentOf(app), needs)).toMatchObject({
      host: '0.0.0.0',
      publicUrl: 'http://localhost:3000',
    });
  });

  it.each(APPS)('gives %s the sandbox with the overlay', (app) => {
    const needs = { providers: configurableProviders, callers: app === 'gateway' };
    const environment = { ...environmentOf(app, true), PROVIDER_ENDPOINTS_FILE: inRoot('sandbox-endpoints.json') };
    const config = readConfig(environment, needs);
    expect(config.outbound.allowPrivate).toBe(true);
    expect(config.providers['notion']).toMatchObject({ credentials: { clientId: 'sandbox-notion-client' } });
  });

  it('hands over no setting that the apps do not know', () => {
    const prefixes = configurableProviders.flatMap(({ credentialPrefix }) => credentialPrefix ?? []);
    const known = new Set([
      ...SETTINGS.map((setting) => setting.name as string),
      ...prefixes.flatMap((prefix) => ['CLIENT_ID', 'CLIENT_SECRET', 'SCOPES'].map((end) => `${prefix}_${end}`)),
    ]);
    const handed = APPS.flatMap((app) => Object.keys(environmentOf(app, true)));
    expect(handed.filter((name) => !known.has(name))).toEqual([]);
  });

  it('gives each app its own rights in the database', () => {
    const logins = JSON.parse(environmentOf('migrate')['HUB_DATABASE_LOGINS'] ?? '') as Record<
      'gateway' | 'refreshWorker' | 'syncWorker',
      { user: string; password: string }
    >;
    const loginOf = {
      gateway: logins.gateway,
      'refresh-worker': logins.refreshWorker,
      'metadata-sync-worker': logins.syncWorker,
    };
    for (const app of APPS) {
      const url = new URL(environmentOf(app)['DATABASE_URL'] ?? '');
      expect({ user: url.username, password: url.password }).toEqual(loginOf[app]);
      expect(environmentOf(app)).not.toHaveProperty('DATABASE_ADMIN_URL');
    }
  });

  it('asks only for what env.example names', () => {
    const asked = [...read('docker-compose.yml').matchAll(/\$\{([A-Z_]+):\?/g)].map((match) => match[1]);
    expect(asked.filter((name) => !envNames(read('deploy/docker/env.example')).includes(name ?? ''))).toEqual([]);
  });

  it('has no secret of its own', () => {
    const secrets = Object.entries(base['x-settings'] as Map).filter(([name]) => /SECRET|KEYS|PASSWORD/.test(name));
    for (const [, value] of secrets) expect(value).toMatch(/^\$\{/);
  });

  it('waits for the migration and gives everybody time to stop', () => {
    for (const app of APPS) {
      const dependsOn = services[app]?.['depends_on'] as Record<string, Map>;
      expect(dependsOn['migrate']).toEqual({ condition: 'service_completed_successfully' });
    }
    expect(services['gateway']?.['stop_grace_period']).toBe('30s');
    expect(services['refresh-worker']?.['stop_grace_period']).toBe('75s');
  });

  it('keeps the spool in a volume', () => {
    const spool = environmentOf('refresh-worker')['SPOOL_DIR'];
    expect(services['refresh-worker']?.['volumes']).toContain(`spool:${spool}`);
    expect(base['volumes']).toHaveProperty('spool');
  });

  it('asks each app for its health at its own port', () => {
    for (const app of APPS) {
      const environment = environmentOf(app);
      const port = environment[app === 'gateway' ? 'PORT' : 'WORKER_HEALTH_PORT'];
      const { test } = services[app]?.['healthcheck'] as { test: string[] };
      expect(test.join(' ')).toContain(`http://127.0.0.1:${port}/health/ready`);
    }
  });

  it('runs only what is built', () => {
    const commands = [...Object.values(services), ...Object.values(overlay['services'] as Record<string, Map>)]
      .map((service) => service['command'])
      .filter((command): command is string => typeof command === 'string' && command.startsWith('node '));
    expect(commands).toHaveLength(APPS.length + 2);
    for (const command of commands) expect(sourceOf(command.replace('node ', ''))).toBe(true);
  });
});

describe('the sandbox overlay', () => {
  it('points at the sandbox as it is', async () => {
    const { app, world } = await createSandbox({ publicUrl: 'http://localhost:4010' });
    try {
      const endpoints = (await app.inject({ url: '/admin/endpoints' })).json<unknown>();
      const credentials = (await app.inject({ url: '/admin/credentials' })).json<Record<string, string>>();
      expect(JSON.parse(read('deploy/docker/sandbox-endpoints.json'))).toEqual(endpoints);
      expect(overlay['x-sandbox-settings']).toMatchObject(credentials);
      expect(world.all().length).toBeGreaterThan(0);
    } finally {
      await app.close();
    }
  });

  it('changes only services that are there', () => {
    const known = [...Object.keys(services), 'sandbox'];
    expect(Object.keys(overlay['services'] as Map).filter((name) => !known.includes(name))).toEqual([]);
  });
});

describe('the Dockerfile', () => {
  const dockerfile = read('deploy/docker/Dockerfile');

  it('copies only what is there and what .dockerignore lets in', () => {
    const copied = [...dockerfile.matchAll(/^COPY (?!--from)(.+)$/gm)].flatMap((match) =>
      (match[1] ?? '').split(/\s+/).slice(0, -1),
    );
    const letIn = read('.dockerignore')
      .split('\n')
      .filter((line) => line.startsWith('!'))
      .map((line) => line.slice(1));
    for (const file of copied) {
      expect(existsSync(path.join(root, file))).toBe(true);
      expect(letIn.some((one) => file === one || file.startsWith(`${one}/`))).toBe(true);
    }
  });

  it('does not run as root, and has the spool where compose mounts it', () => {
    expect(dockerfile).toMatch(/^USER node$/m);
    expect(dockerfile).toContain(`SPOOL_DIR=${environmentOf('refresh-worker')['SPOOL_DIR']}`);
  });

  it('installs all packages that the compiled code needs', () => {
    const { dependencies } = JSON.parse(read('package.json')) as { dependencies: Record<string, string> };
    const needed = new Set(sources().flatMap((file) => packagesIn(read(file))));
    expect([...needed].filter((name) => !(name in dependencies))).toEqual([]);
  });
});

function inRoot(file: string): string {
  return path.join(root, 'deploy/docker', file);
}

/** Whether there is a source for a path inside the image. */
function sourceOf(file: string): boolean {
  const source = file.startsWith('dist/') ? file.replace(/^dist\//, '').replace(/\.js$/, '.ts') : file;
  return existsSync(path.join(root, source));
}

/** What is compiled into the image. */
function sources(): string[] {
  return ['apps', 'libs'].flatMap((folder) =>
    readdirSync(path.join(root, folder), { recursive: true, encoding: 'utf8' })
      .filter((file) => /^[^/]+\/src\/.*\.ts$/.test(file) && !file.endsWith('.spec.ts') && !file.includes('/testing/'))
      .map((file) => path.posix.join(folder, file)),
  );
}

/** Packages that a source loads at run time; what is imported as a type only leaves nothing behind. */
function packagesIn(source: string): string[] {
  return [...source.matchAll(/^(?:import|export)\s+(?!type\b)(?:[^'"]*?from\s+)?'([^'"]+)'/gm)]
    .map((match) => match[1] ?? '')
    .filter((name) => !name.startsWith('.') && !name.startsWith('@hub/'))
    .filter((name) => !builtinModules.includes(name.replace(/^node:/, '')))
    .map((name) => name.split('/', name.startsWith('@') ? 2 : 1).join('/'));
}
