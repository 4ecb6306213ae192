import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

/**
 * The image without an engine: its last stage is laid out in a bare folder, the packages as its `npm ci` leaves them (by
 * `npm prune` with the same flags, which needs no network), the code as `npm run build` has compiled it.
 */
const root = path.join(__dirname, '../../..');
const dockerfile = readFileSync(path.join(root, 'deploy/docker/Dockerfile'), 'utf8');
const stages = dockerfile.split(/^FROM .*$/m).slice(1);
const [, , last = ''] = stages;

let hub: string;

/** The `RUN` lines of a stage, without mounts. */
function runsOf(stage = ''): string[] {
  return [...stage.matchAll(/^RUN (.+)$/gm)].map((match) => (match[1] ?? '').replaceAll(/--mount=\S+ /g, ''));
}

function shell(command: string, cwd: string): void {
  execFileSync('sh', ['-c', command], { cwd, stdio: 'pipe' });
}

beforeAll(() => {
  hub = mkdtempSync(path.join(tmpdir(), 'image-'));
  const [build = '', dependencies = ''] = stages;
  const places = {
    build: path.join(hub, 'build'),
    dependencies: path.join(hub, 'dependencies'),
    last: path.join(hub, 'hub'),
  };
  for (const place of Object.values(places)) mkdirSync(place);

  const [compile, ...cleanBuild] = runsOf(build);
  expect(compile).toBe('npm run build');
  cpSync(path.join(root, 'dist'), path.join(places.build, 'dist'), { recursive: true });
  for (const command of cleanBuild) shell(command, places.build);

  const [install = '', ...cleanPackages] = runsOf(dependencies);
  expect(install).toMatch(/^npm ci( --[a-z-]+(=\w+)?)+$/);
  for (const file of ['package.json', 'package-lock.json', '.npmrc'])
    cpSync(path.join(root, file), path.join(places.dependencies, file));
  const installed = path.join(root, 'node_modules');
  shell(
    `cp -al '${installed}' node_modules || { rm -rf node_modules && cp -a '${installed}' node_modules; }`,
    places.dependencies,
  );
  // what npm writes itself must not be the very file of the checkout
  rmSync(path.join(places.dependencies, 'node_modules/.package-lock.json'));
  shell(`${install.replace('npm ci', 'npm prune')} --offline`, places.dependencies);
  for (const command of cleanPackages) shell(command, places.dependencies);

  for (const match of last.matchAll(/^COPY (?:--from=(\w+) )?(.+)$/gm)) {
    const words = (match[2] ?? '').split(' ');
    const to = words.pop() ?? '';
    for (const from of words) {
      const source = match[1] ? path.join(hub, match[1], from.replace('/hub/', '')) : path.join(root, from);
      const target = to.endsWith('/') ? path.join(places.last, to, path.basename(from)) : path.join(places.last, to);
      if (match[1]) renameSync(source, target);
      else cpSync(source, target, { recursive: true });
    }
  }
}, 300_000);
afterAll(() => rmSync(hub, { recursive: true, force: true }));

function start(...args: string[]): { status: number | null; said: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, args, {
    cwd: path.join(hub, 'hub'),
    env: { NODE_ENV: 'production', HOST: '0.0.0.0', SPOOL_DIR: '/var/lib/hub/spool' },
    encoding: 'utf8',
    timeout: 120_000,
  });
  return { status, said: stdout + stderr };
}

it.each(['gateway', 'refresh-worker', 'metadata-sync-worker', 'delivery-worker'])(
  'has all that %s needs to say which settings it lacks',
  (app) => {
    const { status, said } = start(`dist/apps/${app}/src/main.js`);
    expect(said).toContain('DATABASE_URL is missing');
    expect(said).toContain('TOKEN_KEYS');
    expect(status).toBe(1);
  },
);

it('has all that the migration needs', () => {
  expect(start('deploy/docker/migrate.mjs')).toEqual({
    status: 1,
    said: 'Set DATABASE_ADMIN_URL to the database that shall be migrated.\n',
  });
});

it('has the commands', () => {
  expect(start('dist/apps/cli/src/main.js', '--help')).toMatchObject({ status: 0 });
});

it('has no package of development, no test, no source and no map', () => {
  const files = readdirSync(path.join(hub, 'hub/dist'), { recursive: true, encoding: 'utf8' });
  expect(files.filter((file) => /\.(map|ts)$|\.spec\./.test(file))).toEqual([]);
  const { devDependencies, optionalDependencies, dependencies } = JSON.parse(
    readFileSync(path.join(root, 'package.json'), 'utf8'),
  ) as Record<'dependencies' | 'devDependencies' | 'optionalDependencies', Record<string, string>>;
  const isThere = (name: string) => existsSync(path.join(hub, 'hub/node_modules', name));
  const lock = JSON.parse(readFileSync(path.join(root, 'package-lock.json'), 'utf8')) as {
    packages: Record<string, { dev?: boolean }>;
  };
  // some of them are packages of packages that ship
  const onlyForDevelopment = Object.keys(devDependencies).filter((name) => lock.packages[`node_modules/${name}`]?.dev);
  expect([...onlyForDevelopment, ...Object.keys(optionalDependencies)].filter(isThere)).toEqual([]);
  expect(Object.keys(dependencies).filter((name) => !isThere(name))).toEqual([]);
});
