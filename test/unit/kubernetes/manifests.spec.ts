import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { readConfig, SECRET_SETTINGS } from '@hub/config';
import { configurableProviders } from '@hub/providers';
import { METRICS } from '@hub/telemetry';
import { parse } from 'yaml';
import { isKnownSetting, providerSettings } from '../../support/known-settings';
import { render, renderWith, schemaFindings, type Field, type Manifest } from '../../support/kubernetes/manifests';

/** There is no cluster in the tests: this holds what is rendered against the schemas and against deploy/kubernetes/README.md. */
const root = path.join(__dirname, '../../..');
const read = (file: string) => readFileSync(path.join(root, file), 'utf8');

const APPS = ['gateway', 'refresh-worker', 'metadata-sync-worker', 'delivery-worker'] as const;
type App = (typeof APPS)[number];
const COMPONENTS = readdirSync(path.join(root, 'deploy/kubernetes/components'));
const SECRETS = '/etc/hub/secrets';

const base = renderWith();
const dev = render('overlays/dev');
const production = render('overlays/production');
const withComponent = new Map(COMPONENTS.map((name) => [name, renderWith(name)]));
const everything: readonly (readonly [string, readonly Manifest[]])[] = [
  ['the base', base],
  ['overlays/dev', dev],
  ['overlays/production', production],
  ...[...withComponent].map(([name, objects]) => [`the component ${name}`, objects] as const),
];

const ofKind = (objects: readonly Manifest[], ...kinds: string[]) => objects.filter(({ kind }) => kinds.includes(kind));
const workloads = (objects: readonly Manifest[]) => ofKind(objects, 'Deployment', 'StatefulSet', 'Job');
const podOf = (workload: Manifest): Field => workload.spec.template.spec;
const containersOf = (workload: Manifest): Field[] => [
  ...podOf(workload).containers,
  ...(podOf(workload).initContainers ?? []),
];
const isOurs = (workload: Manifest) => containersOf(workload).every(({ image }) => /integrations-hub/.test(image));

function find(objects: readonly Manifest[], kind: string, name: string): Manifest {
  const found = objects.filter((object) => object.kind === kind && object.metadata.name === name);
  if (found.length !== 1 || !found[0]) throw new Error(`${found.length} of ${kind} ${name}`);
  return found[0];
}

const appOf = (objects: readonly Manifest[], app: App): Manifest =>
  find(objects, app === 'refresh-worker' ? 'StatefulSet' : 'Deployment', `hub-${app}`);

/** The environment of a container as the kubelet makes it, from maps that are rendered with it. */
function environmentOf(objects: readonly Manifest[], container: Field): Record<string, string> {
  const fromMaps = (container.envFrom ?? []).map(
    ({ configMapRef }: Field) => find(objects, 'ConfigMap', configMapRef.name).data,
  );
  const own = (container.env ?? []).map(({ name, value }: Field) => [name, value ?? '']);
  return Object.assign({}, ...fromMaps, Object.fromEntries(own)) as Record<string, string>;
}

/** Names of the files that a workload's secret puts into its pods. */
function secretFilesOf(workload: Manifest): string[] {
  return podOf(workload).volumes.flatMap(({ secret }: Field) => (secret?.items ?? []).map((item: Field) => item.path));
}

/** Whether the pods of a workload carry all labels of a selector. */
function selects(selector: Field, workload: Manifest): boolean {
  const labels: Record<string, string> = workload.spec.template.metadata.labels;
  const fits = ({ key, operator, values }: Field) => operator === 'In' && values.includes(labels[key]);
  return (
    Object.entries(selector.matchLabels ?? {}).every(([key, value]) => labels[key] === value) &&
    (selector.matchExpressions ?? []).every(fits)
  );
}

describe.each(everything)('%s', (_name, objects) => {
  it('lies in its own namespace, which admits restricted pods alone', () => {
    const clusterWide = ['Namespace', 'PriorityClass'];
    const elsewhere = objects.filter(
      ({ kind, metadata }) => !clusterWide.includes(kind) && metadata.namespace !== 'integrations-hub',
    );
    expect(elsewhere.map(({ kind, metadata }) => `${kind} ${metadata.name}`)).toEqual([]);
    expect(find(objects, 'Namespace', 'integrations-hub').metadata.labels).toMatchObject({
      'pod-security.kubernetes.io/enforce': 'restricted',
    });
  });

  it('runs nothing as root, nothing that could become it, and nothing that can change its own files', () => {
    expect(workloads(objects).length).toBeGreaterThanOrEqual(4);
    for (const workload of workloads(objects)) {
      const { securityContext, volumes, ...pod } = podOf(workload);
      expect(securityContext).toMatchObject({ runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } });
      expect(securityContext.runAsUser).toBeGreaterThan(0);
      expect(pod).not.toHaveProperty('hostNetwork');
      expect(volumes.filter(({ hostPath }: Field) => hostPath)).toEqual([]);
      for (const container of containersOf(workload))
        expect(container.securityContext).toEqual({
          allowPrivilegeEscalation: false,
          readOnlyRootFilesystem: true,
          capabilities: { drop: ['ALL'] },
        });
    }
  });

  it('gives no pod a word with the cluster', () => {
    for (const workload of workloads(objects)) {
      expect(podOf(workload)).toMatchObject({ automountServiceAccountToken: false, enableServiceLinks: false });
      expect(JSON.stringify(podOf(workload).volumes)).not.toContain('serviceAccountToken');
    }
    for (const account of ofKind(objects, 'ServiceAccount'))
      expect(account['automountServiceAccountToken']).toBe(false);
    expect(ofKind(objects, 'Role', 'ClusterRole', 'RoleBinding', 'ClusterRoleBinding')).toEqual([]);
  });

  it('asks for CPU and memory, limits memory, and never CPU', () => {
    for (const container of workloads(objects).flatMap(containersOf)) {
      expect(container.resources.requests).toEqual({ cpu: expect.any(String), memory: expect.any(String) });
      expect(container.resources.limits).toEqual({ memory: expect.any(String) });
      const heap = /--max-old-space-size=(\d+)/.exec(environmentOf(objects, container)['NODE_OPTIONS'] ?? '')?.[1];
      if (heap) expect(Number(heap) / parseInt(container.resources.limits.memory, 10)).toBeCloseTo(0.75, 2);
    }
  });

  it('keeps temporary files in memory, and little of them', () => {
    for (const workload of workloads(objects).filter(isOurs)) {
      const { volumes } = podOf(workload);
      expect(volumes).toContainEqual({ name: 'tmp', emptyDir: { medium: 'Memory', sizeLimit: '32Mi' } });
      expect(volumes.filter(({ emptyDir }: Field) => emptyDir)).toHaveLength(1);
    }
  });

  it('names only what is there', () => {
    const known = new Set(objects.map(({ kind, metadata }) => `${kind} ${metadata.name}`));
    const asked = workloads(objects).flatMap((workload) => {
      const pod = podOf(workload);
      const maps = containersOf(workload).flatMap(({ envFrom = [] }: Field) =>
        envFrom.map(({ configMapRef }: Field) => `ConfigMap ${configMapRef.name}`),
      );
      const mounted = pod.volumes.flatMap(({ configMap }: Field) => (configMap ? [`ConfigMap ${configMap.name}`] : []));
      const accounts = isOurs(workload) ? [`ServiceAccount ${pod.serviceAccountName}`] : [];
      const classes = pod.priorityClassName ? [`PriorityClass ${pod.priorityClassName}`] : [];
      return [...maps, ...mounted, ...accounts, ...classes];
    });
    expect(asked.length).toBeGreaterThanOrEqual(10);
    expect(asked.filter((name) => !known.has(name as string))).toEqual([]);
    for (const scaled of ofKind(objects, 'HorizontalPodAutoscaler', 'ScaledObject')) {
      const { kind, name } = scaled.spec.scaleTargetRef;
      expect(known).toContain(`${kind} ${name}`);
    }
  });

  it('mounts what it declares, and declares what it mounts', () => {
    for (const workload of workloads(objects)) {
      const claims = (workload.spec.volumeClaimTemplates ?? []).map(({ metadata }: Field) => metadata.name);
      const declared = [...podOf(workload).volumes.map(({ name }: Field) => name), ...claims].sort();
      const mounted = new Set(
        containersOf(workload).flatMap(({ volumeMounts }) => volumeMounts.map((m: Field) => m.name)),
      );
      expect([...mounted].sort()).toEqual(declared);
    }
  });
});

describe.each(everything)('the apps in %s', (_name, objects) => {
  it.each(APPS)('%s has its own account and its own secret, as files that it alone can read', (app) => {
    const pod = podOf(appOf(objects, app));
    expect(pod.serviceAccountName).toBe(`hub-${app}`);
    const secrets = pod.volumes.filter(({ secret }: Field) => secret);
    expect(secrets).toHaveLength(1);
    expect(secrets[0].secret).toMatchObject({ secretName: `hub-${app}`, defaultMode: 0o440 });
    for (const container of containersOf(appOf(objects, app)))
      expect(container.volumeMounts).toContainEqual({ name: 'secrets', mountPath: SECRETS, readOnly: true });
  });

  it('have no secret in a variable or in a map, and none from elsewhere', () => {
    for (const workload of workloads(objects))
      for (const container of containersOf(workload)) {
        expect(JSON.stringify(container.env ?? [])).not.toContain('secretKeyRef');
        expect(JSON.stringify(container.envFrom ?? [])).not.toContain('secretRef');
      }
    const named = ofKind(objects, 'ConfigMap').flatMap(({ data = {} }) => Object.keys(data));
    const secret = [...SECRET_SETTINGS, ...providerSettings.filter((name) => name.endsWith('_CLIENT_SECRET'))];
    expect(named.filter((name) => secret.includes(name))).toEqual([]);
    expect(ofKind(objects, 'Secret')).toEqual([]);
  });

  it.each(APPS)('%s reads every file that it is given, and is given every file that it reads', (app) => {
    const workload = appOf(objects, app);
    const environment = environmentOf(objects, podOf(workload).containers[0]);
    const files = Object.entries(environment)
      .filter(([name]) => name.endsWith('_FILE'))
      .map(([, file]) => file);
    expect(files.sort()).toEqual(
      secretFilesOf(workload)
        .map((file) => `${SECRETS}/${file}`)
        .sort(),
    );
  });

  it('leave the administrator to the migration', () => {
    for (const app of APPS) {
      const everywhere = JSON.stringify([
        appOf(objects, app),
        environmentOf(objects, podOf(appOf(objects, app)).containers[0]),
      ]);
      expect(everywhere).not.toMatch(/DATABASE_ADMIN_URL|database-admin-url|database-logins/);
    }
    const job = ofKind(objects, 'Job')[0];
    expect(job && secretFilesOf(job)).toEqual(['database-admin-url', 'database-logins']);
  });

  it.each(APPS)('%s is given no setting that nobody reads', (app) => {
    const handed = Object.keys(environmentOf(objects, podOf(appOf(objects, app)).containers[0]));
    const others = ['NODE_OPTIONS', 'POD_UID'];
    expect(handed.filter((name) => !isKnownSetting(name) && !others.includes(name))).toEqual([]);
  });

  it.each(APPS)('%s is asked for its health as operations ask', (app) => {
    const [container] = podOf(appOf(objects, app)).containers;
    const page = (name: string) => ({ path: `/health/${name}`, port: 'http' });
    expect(container.livenessProbe).toEqual({
      httpGet: page('live'),
      periodSeconds: 10,
      timeoutSeconds: 3,
      failureThreshold: 6,
    });
    expect(container.readinessProbe).toEqual({
      httpGet: page('ready'),
      periodSeconds: 5,
      timeoutSeconds: 3,
      failureThreshold: 3,
    });
    expect(container.startupProbe).toMatchObject({ httpGet: page('live'), periodSeconds: 5 });
    const environment = environmentOf(objects, container);
    const port = Number(environment[app === 'gateway' ? 'PORT' : 'WORKER_HEALTH_PORT']);
    expect(container.ports).toEqual([{ name: 'http', containerPort: port }]);
    expect(environment['HOST']).toBe('0.0.0.0');
  });

  it('have time to end: 75 s for a worker, 45 s for the gateway, of which 5 before it is told', () => {
    const graceOf = (app: App) => podOf(appOf(objects, app)).terminationGracePeriodSeconds;
    expect(APPS.map(graceOf)).toEqual([45, 75, 75, 75]);
    expect(podOf(appOf(objects, 'gateway')).containers[0].lifecycle).toEqual({ preStop: { sleep: { seconds: 5 } } });
    const stopMs = (file: string, name: string) =>
      Number(new RegExp(`const ${name} = ([\\d_]+);`).exec(read(file))?.[1]?.replaceAll('_', ''));
    expect(stopMs('libs/worker/src/worker-process.ts', 'STOP_WITHIN_MS')).toBeLessThan(75_000);
    expect(stopMs('apps/gateway/src/main.ts', 'SHUTDOWN_MS')).toBeLessThanOrEqual(40_000);
  });

  it.each(APPS)('%s gives way one pod at a time, and to an unhealthy one at once', (app) => {
    const budget = find(objects, 'PodDisruptionBudget', `hub-${app}`);
    expect(budget.spec).toMatchObject({ maxUnavailable: 1, unhealthyPodEvictionPolicy: 'AlwaysAllow' });
    expect(workloads(objects).filter((workload) => selects(budget.spec.selector, workload))).toEqual([
      appOf(objects, app),
    ]);
  });

  it.each(APPS)('%s is spread over zones and machines, yet runs where it can', (app) => {
    const workload = appOf(objects, app);
    const constraints: Field[] = podOf(workload).topologySpreadConstraints;
    expect(constraints.map(({ topologyKey }) => topologyKey)).toEqual([
      'topology.kubernetes.io/zone',
      'kubernetes.io/hostname',
    ]);
    const hash = workload.kind === 'Deployment' ? 'pod-template-hash' : 'controller-revision-hash';
    for (const constraint of constraints) {
      expect(constraint).toMatchObject({ maxSkew: 1, whenUnsatisfiable: 'ScheduleAnyway', matchLabelKeys: [hash] });
      expect(selects(constraint.labelSelector, workload)).toBe(true);
    }
  });

  it('are replaced without a gap, and are selected by what they carry', () => {
    for (const app of APPS) {
      const workload = appOf(objects, app);
      expect(selects(workload.spec.selector, workload)).toBe(true);
      expect(workload.spec.minReadySeconds).toBe(10);
      if (workload.kind === 'Deployment')
        expect(workload.spec.strategy).toEqual({
          type: 'RollingUpdate',
          rollingUpdate: { maxUnavailable: 0, maxSurge: 1 },
        });
    }
  });

  it('may wait for the schema of their release as long as its migration may take', () => {
    const job = ofKind(objects, 'Job')[0];
    for (const app of APPS) {
      const { periodSeconds, failureThreshold } = podOf(appOf(objects, app)).containers[0].startupProbe;
      expect(periodSeconds * failureThreshold).toBeGreaterThanOrEqual(job?.spec.activeDeadlineSeconds);
    }
  });

  it('run what is in the image', () => {
    for (const { command } of workloads(objects).filter(isOurs).flatMap(containersOf)) {
      const [program, file] = command as [string, string];
      expect(program).toBe('node');
      expect(existsSync(path.join(root, file.replace(/^dist\/(.*)\.js$/, '$1.ts')))).toBe(true);
    }
  });

  it('keep the spool and the seals on a volume of each worker that outlives it', () => {
    const worker = appOf(objects, 'refresh-worker');
    const [claim] = worker.spec.volumeClaimTemplates;
    expect(claim.spec.accessModes).toEqual(['ReadWriteOnce']);
    expect(worker.spec.persistentVolumeClaimRetentionPolicy).toEqual({ whenDeleted: 'Retain', whenScaled: 'Retain' });
    const [container] = podOf(worker).containers;
    const mount = container.volumeMounts.find(({ name }: Field) => name === claim.metadata.name);
    const environment = environmentOf(objects, container);
    for (const name of ['SPOOL_DIR', 'AUDIT_SEAL_DIR']) expect(environment[name]).toMatch(`${mount.mountPath}/`);
    expect(find(objects, 'Service', worker.spec.serviceName).spec.clusterIP).toBe('None');
  });

  it('are reached by the gateway alone', () => {
    const reachable = ofKind(objects, 'Service').filter(({ spec }) => spec.clusterIP !== 'None');
    const known = ['hub-gateway', 'hub-otel-collector'];
    expect(reachable.filter(({ metadata }) => !known.includes(metadata.name))).toEqual([]);
    for (const { spec } of reachable) expect(spec.type ?? 'ClusterIP').toBe('ClusterIP');
    const { selector } = find(objects, 'Service', 'hub-gateway').spec;
    expect(selects({ matchLabels: selector }, appOf(objects, 'gateway'))).toBe(true);
  });

  it('do refreshes before syncs', () => {
    const valueOf = (app: App) => find(objects, 'PriorityClass', podOf(appOf(objects, app)).priorityClassName)['value'];
    expect(valueOf('refresh-worker')).toBeGreaterThan(valueOf('metadata-sync-worker'));
    expect(valueOf('gateway')).toBeGreaterThan(valueOf('metadata-sync-worker'));
  });
});

describe.each(everything)('the network of %s', (_name, objects) => {
  const policies = ofKind(objects, 'NetworkPolicy');
  const opening = (way: 'ingress' | 'egress', workload: Manifest): Field[] =>
    policies.filter(({ spec }) => selects(spec.podSelector, workload)).flatMap(({ spec }) => spec[way] ?? []);

  it('is closed both ways to every pod', () => {
    expect(find(objects, 'NetworkPolicy', 'hub-deny-all').spec).toEqual({
      podSelector: {},
      policyTypes: ['Ingress', 'Egress'],
    });
    for (const { spec } of policies)
      for (const rule of [...(spec.ingress ?? []), ...(spec.egress ?? [])]) {
        expect(rule.ports.length).toBeGreaterThan(0);
        expect((rule.from ?? rule.to).length).toBeGreaterThan(0);
      }
  });

  it('leads from every app to names, PostgreSQL, Redis and public addresses, and nowhere else', () => {
    const collector = objects.some(({ metadata }) => metadata.name === 'hub-otel-collector');
    for (const app of APPS) {
      const ports = opening('egress', appOf(objects, app)).flatMap((rule) => rule.ports.map(({ port }: Field) => port));
      expect(ports.map(String).sort()).toEqual(
        ['53', '53', '5432', '6379', '443', ...(collector ? ['4318'] : [])].sort(),
      );
    }
    const job = ofKind(objects, 'Job')[0];
    const ports = job && opening('egress', job).flatMap((rule) => rule.ports.map(({ port }: Field) => port));
    expect(ports?.sort()).toEqual([53, 53, 5432]);
  });

  it.each([
    '10.1.2.3',
    '100.64.0.1',
    '127.0.0.1',
    '169.254.169.254', // metadata of most clouds
    '169.254.170.2', // credentials of ECS tasks
    '168.63.129.16', // Azure's own
    '100.100.100.200', // Alibaba's metadata
    '172.16.0.1',
    '192.168.1.1',
    '192.0.0.192', // Oracle's metadata
    'fd00:ec2::254', // Amazon's metadata
    'fe80::1',
    '64:ff9b::a9fe:a9fe', // 169.254.169.254 by NAT64
    '::1',
  ])('does not lead to %s', (address) => {
    for (const { to } of APPS.flatMap((app) => opening('egress', appOf(objects, app))))
      for (const { ipBlock } of to) if (ipBlock) expect(covers(ipBlock, address)).toBe(false);
  });

  it.each(['8.8.8.8', '104.18.0.1', '2606:4700::1'])('leads to %s', (address) => {
    const blocks = opening('egress', appOf(objects, 'refresh-worker')).flatMap(({ to }) =>
      to.flatMap(({ ipBlock }: Field) => (ipBlock ? [ipBlock] : [])),
    );
    expect(blocks.some((block) => covers(block, address))).toBe(true);
  });

  it('lets nobody in to a worker', () => {
    for (const app of ['refresh-worker', 'metadata-sync-worker', 'delivery-worker'] as const)
      expect(opening('ingress', appOf(objects, app))).toEqual([]);
  });

  it('lets in to the gateway from a namespace that a component names, and from there alone', () => {
    for (const { from, ports } of opening('ingress', appOf(objects, 'gateway'))) {
      expect(ports).toEqual([{ port: 'http', protocol: 'TCP' }]);
      for (const peer of from) expect(peer).toEqual({ namespaceSelector: { matchLabels: expect.any(Object) } });
    }
  });
});

/** Whether an ipBlock lets an address through. */
function covers({ cidr, except = [] }: { cidr: string; except?: string[] }, address: string): boolean {
  const within = (block: string) => {
    const [network = '', bits = ''] = block.split('/');
    return (
      isIPv4(network) === isIPv4(address) &&
      bitsOf(network).slice(0, Number(bits)) === bitsOf(address).slice(0, Number(bits))
    );
  };
  return within(cidr) && !except.some(within);
}

const isIPv4 = (address: string) => !address.includes(':');

function bitsOf(address: string): string {
  if (isIPv4(address))
    return address
      .split('.')
      .map((part) => Number(part).toString(2).padStart(8, '0'))
      .join('');
  const [head = '', tail = ''] = address
    .split('::')
    .map((half) => half.split(':').filter((part) => part !== ''))
    .map((parts) => parts.map((part) => parseInt(part, 16).toString(2).padStart(16, '0')).join(''));
  return head + '0'.repeat(128 - head.length - tail.length) + tail;
}

describe('schemas', () => {
  it('know all that is rendered', () => {
    const distinct = new Map(everything.flatMap(([, objects]) => objects.map((one) => [JSON.stringify(one), one])));
    expect(distinct.size).toBeGreaterThan(50);
    expect(schemaFindings([...distinct.values()])).toEqual([]);
  });

  it('find every mistake that is planted', () => {
    const deployment = (change: (copy: Field) => void): Manifest => {
      const copy = structuredClone(appOf(base, 'gateway')) as Field;
      change(copy);
      return copy as Manifest;
    };
    const unheardOf = (component: string, kind: string): Manifest => {
      const copy = structuredClone(ofKind(withComponent.get(component) ?? [], kind)[0]) as Field;
      copy.spec.unheardOf = 1;
      return copy as Manifest;
    };
    const mistakes = [
      deployment((copy) => (copy.spec.template.spec.containers[0].imagePullPolicyy = 'Always')),
      deployment((copy) => (copy.spec.template.spec.containers[0].livenessProbe.failureTreshold = 6)),
      deployment((copy) => (copy.spec.template.spec.terminationGracePeriodSecond = 45)),
      deployment((copy) => delete copy.spec.selector),
      deployment((copy) => (copy.spec.replicas = 'two')),
      deployment((copy) => (copy.spec.template.securityContext = { runAsNonRoot: true })),
      unheardOf('keda', 'ScaledObject'),
      unheardOf('external-secrets', 'ExternalSecret'),
      unheardOf('gateway-api', 'HTTPRoute'),
      unheardOf('prometheus-operator', 'PrometheusRule'),
    ].map((mistake, at) => ({ ...mistake, metadata: { ...mistake.metadata, name: `mistake-${at}` } }));
    const found = schemaFindings(mistakes);
    const unfound = mistakes.filter(
      ({ kind, metadata }) => !found.some((one) => one.startsWith(`${kind} ${metadata.name}:`)),
    );
    expect(unfound.map(({ metadata }) => metadata.name)).toEqual([]);
  });
});

describe('settings', () => {
  it('have names that change with their content, so that a change is a rollout', () => {
    for (const [, objects] of everything)
      for (const map of ofKind(objects, 'ConfigMap')) expect(map.metadata.name).toMatch(/^hub-[a-z-]+-[a-z0-9]{10}$/);
    const nameIn = (objects: readonly Manifest[]) =>
      ofKind(objects, 'ConfigMap').find(({ metadata }) => metadata.name.startsWith('hub-settings-'))?.metadata.name;
    expect(nameIn(dev)).not.toBe(nameIn(production));
  });

  it.each(APPS)('are enough for %s, in dev and in production', (app) => {
    const secrets = drawnSecrets();
    for (const objects of [dev, production]) {
      const environment = environmentOf(objects, podOf(appOf(objects, app)).containers[0]);
      const given = Object.entries(environment).map(([name, value]): [string, string] => {
        if (!value.startsWith(`${SECRETS}/`)) return [name, value];
        return [name.replace(/_FILE$/, ''), secrets[`hub-${app}`]?.[path.basename(value)] ?? ''];
      });
      const config = readConfig(Object.fromEntries(given), {
        providers: configurableProviders,
        callers: app === 'gateway',
      });
      expect(config.host).toBe('0.0.0.0');
    }
  });
});

/** What make-secrets.mjs prints, by name. */
function drawnSecrets(): Record<string, Record<string, string>> {
  const args = ['--database', 'postgres://postgres:5432/hub', '--redis', 'redis://redis:6379', '--dev'];
  const printed = execFileSync(process.execPath, [path.join(root, 'deploy/kubernetes/make-secrets.mjs'), ...args], {
    encoding: 'utf8',
  });
  const { items } = JSON.parse(printed) as { items: Manifest[] };
  return Object.fromEntries(items.map((item) => [item.metadata.name, item['stringData'] as Record<string, string>]));
}

describe('secrets', () => {
  /** Which files each pod waits for, by the name of its Secret. */
  const asked = (objects: readonly Manifest[]) =>
    Object.fromEntries(
      workloads(objects)
        .flatMap((workload): Field[] => podOf(workload).volumes)
        .filter(({ secret }) => secret)
        .map(({ secret }) => [secret.secretName, secret.items.map(({ key }: Field) => key).sort()]),
    ) as Record<string, string[]>;

  it('are drawn as the pods of the dev overlay want them, each anew', () => {
    const drawn = drawnSecrets();
    expect(Object.fromEntries(Object.entries(drawn).map(([name, data]) => [name, Object.keys(data).sort()]))).toEqual(
      asked(dev),
    );
    expect(drawn['hub-gateway']?.['token-keys']).not.toBe(drawnSecrets()['hub-gateway']?.['token-keys']);
    expect(drawn['hub-gateway']?.['database-url']).not.toBe(drawn['hub-refresh-worker']?.['database-url']);
  });

  it('come from the store as the pods of the production overlay want them, from an entry of each app', () => {
    const external = ofKind(production, 'ExternalSecret');
    const kept = external.map(({ spec }) => [spec.target.name, spec.data.map((one: Field) => one.secretKey).sort()]);
    expect(Object.fromEntries(kept)).toEqual(asked(production));
    for (const { metadata, spec } of external)
      for (const { secretKey, remoteRef } of spec.data)
        expect(remoteRef).toEqual({ key: metadata.name.replace('hub-', 'integrations-hub/'), property: secretKey });
  });
});

describe('production', () => {
  it('runs our image by its digest, every other by a version, none by a name that moves', () => {
    for (const { image } of workloads(production).flatMap(containersOf))
      expect(image).toMatch(
        /^registry\.example\.com\/integrations-hub@sha256:[0-9a-f]{64}$|^otel\/[a-z-]+:\d+\.\d+\.\d+$/,
      );
  });

  it('gives the migration the name of the release, and ends it in time', () => {
    const [job] = ofKind(production, 'Job');
    const { version } = JSON.parse(read('package.json')) as { version: string };
    expect(job?.metadata.name).toBe(`hub-migrate-${version.replaceAll('.', '-')}`);
    expect(job?.spec).toMatchObject({ backoffLimit: 3, activeDeadlineSeconds: 1800, ttlSecondsAfterFinished: 86400 });
    expect(job && podOf(job).restartPolicy).toBe('Never');
  });

  it('has two pods of each app at least', () => {
    const scaled = ofKind(production, 'ScaledObject');
    expect(scaled).toHaveLength(APPS.length);
    for (const { spec } of scaled) expect(spec.minReplicaCount).toBeGreaterThanOrEqual(2);
    for (const app of APPS) expect(appOf(base, app).spec.replicas).toBeGreaterThanOrEqual(2);
  });
});

describe.each(['hpa', 'keda'] as const)('the component %s', (name) => {
  const objects = withComponent.get(name) ?? [];

  it('leaves the number of pods to whoever scales', () => {
    for (const app of APPS) expect(appOf(objects, app).spec).not.toHaveProperty('replicas');
  });

  it('takes one pod a minute away, after five quiet minutes', () => {
    const behaviours = ofKind(objects, 'HorizontalPodAutoscaler', 'ScaledObject').map(
      ({ spec }) => spec.behavior ?? spec.advanced.horizontalPodAutoscalerConfig.behavior,
    );
    expect(behaviours).toHaveLength(APPS.length);
    for (const { scaleDown } of behaviours)
      expect(scaleDown).toEqual({
        stabilizationWindowSeconds: 300,
        policies: [{ type: 'Pods', value: 1, periodSeconds: 60 }],
      });
  });

  it('does not go with the other', () => {
    expect(() => renderWith('hpa', 'keda')).toThrow('replicas');
    expect(() => renderWith('keda', 'hpa')).toThrow('replicas');
  });
});

describe('the component keda', () => {
  const triggers = ofKind(withComponent.get('keda') ?? [], 'ScaledObject').filter(({ spec }) => spec.fallback);

  it('does not take a missing metric for an empty queue', () => {
    expect(triggers).toHaveLength(3);
    for (const { spec } of triggers) {
      expect(spec.fallback.behavior).toBe('currentReplicasIfHigher');
      expect(spec.triggers[0].metadata.ignoreNullValues).toBe('false');
    }
  });

  it('scales by a metric that the hub has, for queues and states that it has', () => {
    const { attributes } = METRICS.queueJobs;
    for (const { spec } of triggers) {
      const query: string = spec.triggers[0].metadata.query;
      expect(query).toMatch(/^sum\(.*hub_queue_jobs\{/);
      const [, queues = '', states = ''] = /destination_name=~"([^"]+)",hub_state=~"([^"]+)"/.exec(query) ?? [];
      expect(attributes['messaging.destination.name']).toEqual(expect.arrayContaining(queues.split('|')));
      expect(attributes['hub.state']).toEqual(expect.arrayContaining(states.split('|')));
    }
  });
});

describe('the component prometheus-operator', () => {
  it('has the very rules of deploy/alerts', () => {
    const files = readdirSync(path.join(root, 'deploy/alerts')).filter((file) => file.endsWith('.rules.yaml'));
    const rules = ofKind(withComponent.get('prometheus-operator') ?? [], 'PrometheusRule');
    expect(rules.map(({ metadata }) => `${metadata.name.replace('hub-', '')}.rules.yaml`).sort()).toEqual(files.sort());
    for (const { metadata, spec } of rules)
      expect(spec).toEqual(parse(read(`deploy/alerts/${metadata.name.replace('hub-', '')}.rules.yaml`)));
  });
});

describe('the components that let people in', () => {
  it('limit callbacks at the ingress', () => {
    const ingress = find(withComponent.get('ingress') ?? [], 'Ingress', 'hub-gateway-callback');
    expect(ingress.spec.rules[0].http.paths[0].path).toBe('/functions/v1/integrations-callback');
    expect(ingress.metadata).toMatchObject({
      annotations: { 'nginx.ingress.kubernetes.io/limit-rpm': expect.stringMatching(/^\d+$/) as string },
    });
  });

  it('let pass more than any route takes, as it comes: the proxy passes on up to 64 MiB', () => {
    const { metadata } = find(withComponent.get('ingress') ?? [], 'Ingress', 'hub-gateway') as Field;
    const [, kilobytes = ''] =
      /^(\d+)k$/.exec(metadata.annotations['nginx.ingress.kubernetes.io/proxy-body-size']) ?? [];
    expect(Number(kilobytes)).toBeGreaterThan(64 * 1024);
    expect(metadata.annotations).toMatchObject({
      'nginx.ingress.kubernetes.io/proxy-request-buffering': 'off',
    });
  });

  it.each(['ingress', 'gateway-api'])('%s leads to the gateway, and opens it to its own proxy', (name) => {
    const objects = withComponent.get(name) ?? [];
    const routes = JSON.stringify(ofKind(objects, 'Ingress', 'HTTPRoute').map(({ spec }) => spec));
    expect(routes).toContain('"name":"hub-gateway"');
    expect(objects.filter(({ metadata }) => metadata.name.startsWith('hub-gateway-from-'))).toHaveLength(1);
  });
});

describe('the component gateway-api', () => {
  it('sets no end to a socket of live status nor to a call through the proxy, and one to every other request', () => {
    const [route] = ofKind(withComponent.get('gateway-api') ?? [], 'HTTPRoute');
    const { rules } = route?.spec as {
      rules: { matches: { path: { value: string } }[]; timeouts: { request: string } }[];
    };
    const times = rules.map(({ matches, timeouts }) => [matches[0]?.path.value, timeouts.request]);
    expect(Object.fromEntries(times)).toEqual({
      '/': '60s',
      '/functions/v1/integrations/live': '0s',
      '/functions/v1/integrations/[^/]+/proxy/.*': '0s',
    });
  });
});

describe('the component otel-collector', () => {
  const objects = withComponent.get('otel-collector') ?? [];

  it('is where the apps send to', () => {
    const environment = environmentOf(objects, podOf(appOf(objects, 'gateway')).containers[0]);
    const [, service = '', port = ''] =
      /^http:\/\/([a-z-]+):(\d+)$/.exec(environment['OTEL_EXPORTER_OTLP_ENDPOINT'] ?? '') ?? [];
    expect(find(objects, 'Service', service).spec.ports).toEqual([
      { name: 'otlp', port: Number(port), targetPort: 'otlp' },
    ]);
    expect(environment).not.toHaveProperty('OTEL_SDK_DISABLED');
  });

  it('has a Prometheus that takes what it hands over as that of compose does, by the page on it', () => {
    const [, block = ''] =
      /```yaml\n(apiVersion: monitoring\.coreos\.com\/v1\n[\s\S]*?)```/.exec(read('docs/kubernetes.md')) ?? [];
    const prometheus: Manifest = parse(block);
    expect(prometheus.kind).toBe('Prometheus');
    expect(schemaFindings([prometheus])).toEqual([]);
    const { otlp, storage }: Field = parse(read('deploy/docker/prometheus.yml'));
    expect(prometheus.spec).toMatchObject({
      enableOTLPReceiver: true,
      otlp: {
        translationStrategy: otlp.translation_strategy,
        promoteResourceAttributes: otlp.promote_resource_attributes,
      },
      tsdb: { outOfOrderTimeWindow: storage.tsdb.out_of_order_time_window },
    });
    const endpoint = podOf(find(objects, 'Deployment', 'hub-otel-collector')).containers[0].env.find(
      ({ name }: Field) => name === 'METRICS_ENDPOINT',
    );
    expect(read('docs/kubernetes.md')).toContain(new URL(endpoint.value).host);
  });

  it('has a configuration whose pipelines name only what it declares', () => {
    const [map] = ofKind(objects, 'ConfigMap').filter(({ metadata }) => metadata.name.startsWith('hub-otel-collector'));
    expect(undeclaredIn(parse(map?.data?.['collector-config.yaml'] ?? ''))).toEqual([]);
  });
});

/** What the pipelines of a collector use without declaring it, or declare without using it. */
function undeclaredIn(config: Field): string[] {
  const sections = ['receivers', 'processors', 'exporters'] as const;
  return sections.flatMap((section) => {
    const used = new Set<string>(
      Object.values<Field>(config.service.pipelines).flatMap((pipeline) => pipeline[section]),
    );
    const declared = Object.keys(config[section]);
    return [...[...used].filter((name) => !declared.includes(name)), ...declared.filter((name) => !used.has(name))];
  });
}
