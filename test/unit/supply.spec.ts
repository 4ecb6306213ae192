import { readFileSync } from 'node:fs';
import path from 'node:path';

/** What is installed here, and on whose word. */
const root = path.join(__dirname, '../..');
const read = (file: string): string => readFileSync(path.join(root, file), 'utf8');

interface Manifest {
  readonly engines: { readonly node: string };
  readonly dependencies: Readonly<Record<string, string>>;
  readonly devDependencies: Readonly<Record<string, string>>;
  readonly overrides: Readonly<Record<string, unknown>>;
  readonly allowScripts: Readonly<Record<string, boolean>>;
}

interface Locked {
  readonly version: string;
  readonly resolved?: string;
  readonly integrity?: string;
  readonly dev?: boolean;
  readonly devOptional?: boolean;
  readonly hasInstallScript?: boolean;
  readonly link?: boolean;
  readonly engines?: { readonly node?: string };
}

const manifest = JSON.parse(read('package.json')) as Manifest;
const { packages } = JSON.parse(read('package-lock.json')) as { packages: Readonly<Record<string, Locked>> };
const locked = Object.entries(packages)
  .filter(([place]) => place !== '')
  .map(([place, entry]) => ({
    name: place.slice(place.lastIndexOf('node_modules/') + 'node_modules/'.length),
    ...entry,
  }));
/** What runs where the hub runs. */
const shipped = locked.filter(({ dev, devOptional }) => !dev && !devOptional);

/** Our oldest Node is promised by `engines`, and these ask for a newer one. They load on it all the same: the whole test runs on it. */
const ASK_FOR_MORE = ['cookie 2.0.2', 'file-type 22.3.0'];
/** OpenTelemetry's kit is a good quarter of them: it brings every exporter, whichever `OTEL_*` names. */
const MOST_SHIPPED = 258;
const MOST_DIRECT = 40;

type Version = readonly [number, number, number];

function versionOf(text: string): Version {
  const [major = 0, minor = 0, patch = 0] = (/\d+(\.\d+)*/.exec(text)?.[0] ?? '').split('.').map(Number);
  return [major, minor, patch];
}

function isAtLeast(version: Version, least: Version): boolean {
  const differs = version.findIndex((part, at) => part !== least[at]);
  return differs < 0 || version[differs]! > least[differs]!;
}

/** Whether a range takes a version, as packages write the range of their Node: `>=`, `^`, `6.*`, joined by `||`. @throws Error at any other */
function takes(range: string, version: Version): boolean {
  return range.split('||').some((part) => {
    const [, how, text = ''] = /^\s*(>=|\^|)\s*(\d+(?:\.(?:\d+|x|\*))*)\s*$/.exec(part) ?? [];
    if (how === undefined) throw new Error(`a range that is not understood: ${range}`);
    const least = versionOf(text);
    return isAtLeast(version, least) && (how === '>=' || version[0] === least[0]);
  });
}

describe('scripts of packages', () => {
  it('never run at an installation', () => {
    expect(read('.npmrc').split('\n')).toContain('ignore-scripts=true');
    for (const file of ['deploy/local/install.mjs', 'deploy/docker/Dockerfile'])
      expect(read(file)).toContain('--ignore-scripts');
  });

  it('are each refused by name, and none is allowed', () => {
    const withScripts = locked.filter(({ hasInstallScript }) => hasInstallScript).map(({ name }) => name);
    expect(Object.keys(manifest.allowScripts)).toEqual([...new Set(withScripts)].sort());
    expect(Object.values(manifest.allowScripts)).not.toContain(true);
  });
});

describe('packages', () => {
  it('are what the lock says, by their hash, from the registry alone', () => {
    expect(locked.filter(({ integrity }) => !integrity?.startsWith('sha512-'))).toEqual([]);
    // with `omit-lockfile-registry-resolved` only what comes from elsewhere says where it comes from
    expect(read('.npmrc').split('\n')).toContain('omit-lockfile-registry-resolved=true');
    expect(locked.filter(({ link, resolved }) => link !== undefined || resolved !== undefined)).toEqual([]);
  });

  it('are asked for in exact versions', () => {
    const asked = Object.entries({ ...manifest.dependencies, ...manifest.devDependencies });
    expect(asked.filter(([, version]) => !/^\d+\.\d+\.\d+(-[\w.]+)?$/.test(version))).toEqual([]);
    const replaced = JSON.stringify(manifest.overrides);
    expect(replaced).not.toMatch(/[\^~>*]/);
  });

  it('are few where the hub runs', () => {
    expect(Object.keys(manifest.dependencies).length).toBeLessThanOrEqual(MOST_DIRECT);
    expect(shipped.length).toBeLessThanOrEqual(MOST_SHIPPED);
  });

  it('take the oldest Node that the hub promises, but for those that are written down', () => {
    const oldest = versionOf(manifest.engines.node);
    const tooNew = shipped.filter(({ engines }) => engines?.node !== undefined && !takes(engines.node, oldest));
    expect(tooNew.map(({ name, version }) => `${name} ${version}`)).toEqual(ASK_FOR_MORE);
  });
});

it.each([
  ['>=18', true],
  ['>= 20.19.1', false],
  ['>=22', false],
  ['^20.19.0 || >=23', true],
  ['6.* || 8.* || >= 10.*', true],
  ['^18.0.0 || ^22.0.0', false],
])('reads the range %s', (range, expected) => {
  expect(takes(range, [20, 19, 0])).toBe(expected);
});
