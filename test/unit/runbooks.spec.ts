import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { EVENT_NAMES } from '@hub/domain';
import type { Command } from 'commander';
import { commandLine } from '../../apps/cli/src/command-line';
import { Terminal } from '../../apps/cli/src/terminal';
import { knownSeries, type KnownSeries } from '../../deploy/promql/known-metrics';
import { unknownNames } from '../../deploy/promql/unknown-names';
import { allRules } from '../support/alert-rules';
import { render } from '../support/kubernetes/manifests';
import { alertRunbooks, allRunbooks, hubCommands, linesOf, TOPICAL_PAGES } from '../support/runbooks';

const WITH_PODS = ['Deployment', 'StatefulSet', 'Job'];
const HEADINGS = ['Meaning', 'Impact', 'Diagnosis', 'Mitigation', 'Verification', 'Escalation'];

/** What a cluster has whose overlay is made of that of production. */
const workloads = render('overlays/production').filter(({ kind }) => WITH_PODS.includes(kind));
const names = workloads.map(({ kind, metadata }) => `${kind.toLowerCase()}/${metadata.name}`);
/** The first pods of those whose pods have names that stay. */
const pods = workloads.flatMap(({ kind, metadata }) => (kind === 'StatefulSet' ? [`${metadata.name}-0`] : []));
const labels = workloads.flatMap(({ spec }) => Object.entries(spec.template.metadata.labels as Record<string, string>));
const labelled = new Set(labels.map(([key, value]) => `${key}=${value}`));

const pages = alertRunbooks();
const index = allRunbooks().find(({ name }) => name === 'README');
const rules = allRules();
const alerts = [...new Set(rules.flatMap(({ alert }) => alert ?? []))].sort();

describe('the pages', () => {
  it('are those of the alerts, and the topical ones', () => {
    expect(allRunbooks().map(({ name }) => name)).toEqual([...alerts, ...TOPICAL_PAGES].sort());
  });

  it('stand in the index with the severity of their alert', () => {
    const listed = [...(index?.text ?? '').matchAll(/^\| \[(\w+)\]\((\w+)\.md\) +\| ([a-z, ]+?) +\|/gm)].map(
      ([, name, file, severity]) => [name, file, severity],
    );
    const expected = alerts.map((alert) => [
      alert,
      alert,
      [...new Set(rules.filter((rule) => rule.alert === alert).map(({ labels }) => labels?.['severity']))]
        .sort()
        .join(', '),
    ]);
    expect(listed.toSorted()).toEqual(expected);
  });

  it.each(pages.map((page) => [page.name, page] as const))(
    '%s has the headings of all, and a command',
    (name, page) => {
      expect(page.text.startsWith(`# ${name}\n`)).toBe(true);
      expect(page.headings).toEqual(HEADINGS);
      expect(page.blocks.length).toBeGreaterThan(0);
      expect(page.blocks.filter(({ language }) => !['bash', 'sql', 'promql'].includes(language))).toEqual([]);
    },
  );

  it('hold no shell line but of the command line and of kubectl', () => {
    const others = linesOf(pages, 'bash').filter(([, line]) => !/^(npm run -s hub -- |kubectl )/.test(line));
    expect(others).toEqual([]);
  });
});

/** Parses and does nothing. @returns the words of the command that would run @throws CommanderError as an operator sees it */
async function parse(args: readonly string[]): Promise<string> {
  const heard: string[] = [];
  const silent = { write: () => true };
  const program = commandLine({ environment: {}, terminal: new Terminal(silent, silent) });
  const disarm = (command: Command, words: readonly string[]): void => {
    if (command.commands.length === 0) command.action(() => void heard.push(words.join(' ')));
    for (const sub of command.commands) disarm(sub, [...words, sub.name()]);
  };
  disarm(program, []);
  await program.parseAsync([...args], { from: 'user' });
  return heard.join();
}

describe('the commands', () => {
  const commands = hubCommands(pages);

  it.each(commands)('%s: hub %j is understood', async (_page, args) => {
    const command = await parse(args);
    expect(args.join(' ').startsWith(command)).toBe(true);
    expect(command).not.toBe('');
  });

  it.each([
    [['integrations', 'list', '--org', 'x']],
    [['integrations', 'lists']],
    [['refresh', '--org', '6b1f3c9e-2f5d-4c1a-9b7e-0d3a5e8c7f21']],
    [['doctor', '--all']],
  ])('would not be understood as hub %j', async (args) => {
    await expect(parse(args)).rejects.toThrow();
  });
});

describe('the lines for kubectl', () => {
  const lines = linesOf(index ? [...pages, index] : pages, 'bash').filter(([, line]) => line.startsWith('kubectl '));

  it.each(lines)('%s: %s names what is there', (_page, line) => {
    expect(line).toMatch(
      /^kubectl -n integrations-hub (get|describe|logs|top pods|scale|exec|rollout (restart|undo|status|history)) /,
    );
    const named = [...line.matchAll(/\b(?:deployment|statefulset|job|daemonset)\/[\w-]+/g)].map(
      ([workload]) => workload,
    );
    expect(named.filter((workload) => !names.includes(workload))).toEqual([]);
    const chosen = [...line.matchAll(/ -l (\S+)/g)].map(([, selector = '']) => selector);
    expect(chosen.filter((selector) => !labelled.has(selector))).toEqual([]);
    const entered = [...line.matchAll(/ exec (\S+)/g)].map(([, pod = '']) => pod);
    expect(entered.filter((pod) => !pods.includes(pod))).toEqual([]);
    if (/ (scale|rollout) /.test(line)) expect(named).toHaveLength(1);
    if (/ logs /.test(line)) expect([...named, ...chosen]).toHaveLength(1);
  });

  it('would not find what only the base has: a migration carries the name of its release', () => {
    expect(names).not.toContain('job/hub-migrate');
    expect(labelled).toContain('app.kubernetes.io/component=migrate');
  });

  it.each(lines.filter(([, line]) => line.includes('| grep ')))(
    '%s: %s looks for a record that is written',
    (_page, line) => {
      const record = / \| grep (\S+)$/.exec(line)?.[1] ?? '';
      expect(EVENT_NAMES as readonly string[]).not.toContain(record); // those stand in the trail alone
      const app = /component=([\w-]+)/.exec(line)?.[1] ?? '';
      const written = sources(['libs', `apps/${app}`]).some((text) => text.includes(`'${record}'`));
      expect(written).toBe(true);
    },
  );
});

describe('the queries', () => {
  const known = new Map<string, KnownSeries>([
    ...knownSeries(),
    ...rules.flatMap(({ record, labels }) =>
      record ? [[record, { labels: Object.keys(labels ?? {}), values: {} }] as const] : [],
    ),
  ]);

  it.each(linesOf(pages, 'promql'))('%s: %s asks only for what is reported', (_page, query) => {
    expect(unknownNames(query, known)).toEqual([]);
  });
});

const read = new Map<string, readonly string[]>();

/** The sources below folders, without tests. */
function sources(folders: readonly string[]): readonly string[] {
  return folders.flatMap((folder) => {
    const found =
      read.get(folder) ??
      readdirSync(folder, { recursive: true, encoding: 'utf8' })
        .filter((file) => file.endsWith('.ts') && !file.endsWith('.spec.ts'))
        .map((file) => readFileSync(path.join(folder, file), 'utf8'));
    read.set(folder, found);
    return found;
  });
}
