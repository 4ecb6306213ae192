import { randomBytes } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { builtinModules } from 'node:module';
import path from 'node:path';
import { readConfig } from '@hub/config';
import { configurableProviders } from '@hub/providers';
import { parse } from 'yaml';
import { createSandbox } from '../../apps/sandbox/src/server';
import { isKnownSetting } from '../support/known-settings';
import { readPlainYaml, type PlainYaml } from '../support/plain-yaml';

/** There is no container engine in the tests: this reads the files for what can be known without one. */
const root = path.join(__dirname, '../..');
const read = (file: string) => readFileSync(path.join(root, file), 'utf8');

type Map = Record<string, PlainYaml>;

const base = readPlainYaml(read('docker-compose.yml'));
const overlay = readPlainYaml(read('deploy/docker/sandbox.yml'));
const services = base['services'] as Record<string, Map>;
const APPS = ['gateway', 'refresh-worker', 'metadata-sync-worker', 'delivery-worker'] as const;

const given = {
  ...Object.fromEntries(envNames(read('deploy/docker/env.example')).map((name) => [name, ''])),
  POSTGRES_ADMIN_PASSWORD: 'a1',
  POSTGRES_GATEWAY_PASSWORD: 'b2',
  POSTGRES_REFRESH_WORKER_PASSWORD: 'c3',
  POSTGRES_SYNC_WORKER_PASSWORD: 'c4',
  POSTGRES_DELIVERY_WORKER_PASSWORD: 'd5',
  REDIS_PASSWORD: 'd4',
  GRAFANA_PASSWORD: 'e5',
  TOKEN_KEYS: `k1:${randomBytes(32).toString('base64')}`,
  AUTH_JWT_SECRET: 'e'.repeat(64),
};

interface ComposeFile {
  readonly services: Readonly<Record<string, object>>;
}

interface Collector {
  readonly receivers: object;
  readonly processors: object;
  readonly exporters: Readonly<Record<string, object>>;
  readonly service: { readonly pipelines: Readonly<Record<string, Readonly<Record<string, readonly string[]>>>> };
}

/** Of the Compose Specification, what these files use: https://github.com/compose-spec/compose-spec/blob/main/spec.md */
const TOP_FIELDS = ['name', 'services', 'volumes'];
const SERVICE_FIELDS = [
  ...['image', 'build', 'command', 'environment', 'init', 'restart', 'depends_on', 'healthcheck', 'stop_grace_period'],
  ...['ports', 'volumes', 'network_mode', 'read_only', 'tmpfs', 'cap_drop', 'security_opt'],
];

/** Where what a service mounts comes from: a path, or the name of a volume. */
function mountsOf(service: Map): string[] {
  return ((service['volumes'] ?? []) as string[]).map((volume) => volume.replace(/:.*/, ''));
}

/** What the pipelines of a collector use without declaring it, or the other way round. */
function undeclaredIn(collector: Collector): string[] {
  return (['receivers', 'processors', 'exporters'] as const).flatMap((section) => {
    const used = Object.values(collector.service.pipelines).flatMap((pipeline) => pipeline[section] ?? []);
    const declared = Object.keys(collector[section]);
    return [...used.filter((name) => !declared.includes(name)), ...declared.filter((name) => !used.includes(name))];
  });
}

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
  it('runs PostgreSQL, Redis, the migration, every app and what watches them', () => {
    const watching = ['otel-collector', 'prometheus', 'alertmanager', 'grafana'];
    expect(Object.keys(services).sort()).toEqual([...APPS, 'migrate', 'postgres', 'redis', ...watching].sort());
  });

  it('is YAML, and has only fields that compose knows', () => {
    const files: ComposeFile[] = ['docker-compose.yml', 'deploy/docker/sandbox.yml'].map(
      (file) => parse(read(file), { merge: true }) as ComposeFile,
    );
    for (const file of files) {
      expect(Object.keys(file).filter((key) => !key.startsWith('x-') && !TOP_FIELDS.includes(key))).toEqual([]);
      for (const service of Object.values(file.services))
        expect(Object.keys(service).filter((key) => !SERVICE_FIELDS.includes(key))).toEqual([]);
    }
    const used = Object.values(services).flatMap((service) => mountsOf(service));
    const named = used.filter((source) => !source.startsWith('./'));
    expect([...new Set(named)].sort()).toEqual(Object.keys(base['volumes'] as Map).sort());
    const asked = Object.values(services).flatMap((service) => Object.keys((service['depends_on'] ?? {}) as Map));
    expect(asked.filter((name) => !(name in services))).toEqual([]);
  });

  it('mounts files that are there', () => {
    const all = [...Object.values(services), ...Object.values(overlay['services'] as Record<string, Map>)];
    const sources = all.flatMap((service) => mountsOf(service));
    const files = sources.filter((source) => source.startsWith('./'));
    expect(files.length).toBeGreaterThanOrEqual(6);
    expect(files.filter((file) => !existsSync(path.join(root, file)))).toEqual([]);
  });

  it('runs images of a version each', () => {
    const images = Object.values(services).map(({ image }) => image as string);
    for (const image of images) expect(image).toMatch(/^integrations-hub$|^[a-z/-]+:v?\d+(\.\d+\.\d+)?$/);
  });

  it('asks everybody for his health who can tell it', () => {
    const mute = Object.keys(services).filter((name) => !('healthcheck' in services[name]!));
    // the first ends, the second has no shell
    expect(mute).toEqual(['migrate', 'otel-collector']);
    const waitedFor = Object.values(services).flatMap((service) =>
      Object.entries((service['depends_on'] ?? {}) as Record<string, Map>)
        .filter(([, { condition }]) => condition === 'service_healthy')
        .map(([name]) => name),
    );
    expect(waitedFor.filter((name) => mute.includes(name))).toEqual([]);
  });

  it('publishes ports on this machine alone, each once', () => {
    const ports = Object.values(services).flatMap((service) => (service['ports'] ?? []) as string[]);
    expect(ports.filter((port) => !port.startsWith('127.0.0.1:'))).toEqual([]);
    expect(new Set(ports.map((port) => port.split(':')[1])).size).toBe(ports.length);
  });

  it('runs the apps with a root that cannot be written, and without rights', () => {
    for (const app of [...APPS, 'migrate'])
      expect(services[app]).toMatchObject({
        read_only: 'true',
        tmpfs: ['/tmp'],
        cap_drop: ['ALL'],
        security_opt: ['no-new-privileges:true'],
      });
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
    const handed = APPS.flatMap((app) => Object.keys(environmentOf(app, true)));
    expect(handed.filter((name) => !isKnownSetting(name))).toEqual([]);
  });

  it('gives each app its own rights in the database', () => {
    const logins = JSON.parse(environmentOf('migrate')['HUB_DATABASE_LOGINS'] ?? '') as Record<
      'gateway' | 'refreshWorker' | 'syncWorker' | 'deliveryWorker',
      { user: string; password: string }
    >;
    const loginOf = {
      gateway: logins.gateway,
      'refresh-worker': logins.refreshWorker,
      'metadata-sync-worker': logins.syncWorker,
      'delivery-worker': logins.deliveryWorker,
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
    expect(services['gateway']?.['stop_grace_period']).toBe('45s');
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

describe('what watches', () => {
  const file = (name: string) => parse(read(`deploy/docker/${name}`)) as unknown;

  it('gets what the apps send', () => {
    const collector = file('otel-collector.yaml') as Collector;
    expect(undeclaredIn(collector)).toEqual([]);
    expect(environmentOf('gateway')['OTEL_EXPORTER_OTLP_ENDPOINT']).toBe('http://otel-collector:4318');
    expect(collector.receivers).toEqual({ otlp: { protocols: { http: { endpoint: '0.0.0.0:4318' } } } });
    expect(collector.exporters['otlphttp/metrics']).toMatchObject({ endpoint: 'http://prometheus:9090/api/v1/otlp' });
    expect(services['prometheus']?.['command']).toContain('--web.enable-otlp-receiver');
  });

  it('has the rules of deploy/alerts, and its Alertmanager, which tells nobody', () => {
    const prometheus = file('prometheus.yml') as {
      rule_files: string[];
      alerting: { alertmanagers: { static_configs: { targets: string[] }[] }[] };
    };
    const [folder, pattern = ''] = [path.dirname(prometheus.rule_files[0] ?? ''), '.rules.yaml'];
    expect(services['prometheus']?.['volumes']).toContain(`./deploy/alerts:${folder}:ro`);
    expect(prometheus.rule_files).toEqual([`${folder}/*${pattern}`]);
    const rules = readdirSync(path.join(root, 'deploy/alerts')).filter((name) => name.endsWith(pattern));
    expect(rules.length).toBeGreaterThan(0);
    expect(prometheus.alerting.alertmanagers[0]?.static_configs[0]?.targets).toEqual(['alertmanager:9093']);

    const example = parse(read('deploy/alerts/alertmanager.yaml')) as { receivers: { name: string }[] };
    const receivers = example.receivers.map(({ name }) => ({ name }));
    expect(file('alertmanager.yml')).toEqual({ ...example, receivers });
  });

  it('shows dashboards from where Grafana looks for them', () => {
    const { providers } = file('grafana/dashboards/hub.yml') as { providers: { options: { path: string } }[] };
    const { datasources } = file('grafana/datasources/prometheus.yml') as { datasources: { url: string }[] };
    expect(datasources[0]?.url).toBe('http://prometheus:9090');
    expect(readdirSync(path.join(root, 'deploy/dashboards')).some((name) => name.endsWith('.json'))).toBe(true);
    expect(services['grafana']?.['volumes']).toEqual([
      './deploy/docker/grafana:/etc/grafana/provisioning:ro',
      `./deploy/dashboards:${providers[0]?.options.path}:ro`,
      'grafana:/var/lib/grafana',
    ]);
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
    expect(dockerfile).toMatch(/^USER [1-9]\d*:[1-9]\d*$/m);
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

/** What is compiled into the image. The console is not among it: Vite bundles what that needs. */
function sources(): string[] {
  return ['apps', 'libs'].flatMap((folder) =>
    readdirSync(path.join(root, folder), { recursive: true, encoding: 'utf8' })
      .filter((file) => /^[^/]+\/src\/.*\.ts$/.test(file) && !file.endsWith('.spec.ts') && !file.includes('/testing/'))
      .filter((file) => folder !== 'apps' || !file.startsWith('console/'))
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
